//! What an operator may set of the edge.

use std::net::IpAddr;

/// Calls a minute of all of a tenant's people and programs together.
pub const TENANT_A_MINUTE: u32 = 600;
/// Calls a minute of one API key that has no limit of its own, and of one session.
pub const KEY_A_MINUTE: u32 = 120;
/// Calls a minute of one address to what is open to anyone: a person who mistypes, not a list of passwords.
pub const ADDRESS_A_MINUTE: u32 = 120;

/// Calls a minute.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Of a tenant.
    pub tenant: u32,
    /// Of a key or a session.
    pub key: u32,
    /// Of an address, where nobody is known.
    pub address: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { tenant: TENANT_A_MINUTE, key: KEY_A_MINUTE, address: ADDRESS_A_MINUTE }
    }
}

/// A network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    /// Whether an address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let shift = 128 - self.bits;
        self.bits == 0 || wide(address) >> shift == self.address >> shift
    }
}

/// IPv4 as the mapped part of IPv6, so that one comparison serves both.
fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => it.to_ipv6_mapped().to_bits(),
        IpAddr::V6(it) => it.to_bits(),
    }
}

/// Why a text is no network.
#[derive(Debug, thiserror::Error)]
#[error("not a network: {0}")]
pub struct NetworkError(String);

impl std::str::FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = || NetworkError(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |it| it.trim().parse()).map_err(|_| bad())?;
        if bits > most {
            return Err(bad());
        }
        Ok(Self { address: wide(address), bits: 128 - most + bits })
    }
}

/// What an operator may set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Calls a minute.
    pub limits: Rates,
    /// Sites whose pages may call, exactly as browsers name them; none by default.
    pub origins: Vec<String>,
    /// Who may say for whom they speak (`X-Forwarded-For`); nobody by default.
    pub proxies: Vec<Network>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_lies_in_them() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ];
        for (network, address, expected) in cases {
            let network: Network = network.parse().expect(network);
            assert_eq!(network.holds(address.parse().expect(address)), expected, "{network:?} {address}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "ten/8", "10.0.0.0/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
