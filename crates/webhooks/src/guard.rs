//! What an address may look like, before its name is resolved.

use crate::networks::{Networks, is_public};
use fedatario_app::hooks::ports::CourierFault;
use std::net::IpAddr;
use url::{Host, Url};

/// What is done at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// An event is sent there: only with TLS.
    Event,
    /// An authority is asked, whose answers are signed: plain `http` too.
    Authority,
}

impl Errand {
    /// Ports at public addresses: what else listens somewhere is no receiver and no authority.
    fn ports(self) -> &'static [u16] {
        match self {
            Errand::Event => &[443, 8443],
            Errand::Authority => &[80, 443, 8080, 8443],
        }
    }
}
/// Bytes of a host's name: RFC 1035.
const HOST_BYTES_AT_MOST: usize = 253;

/// Reads an address: https, a host, one of a few ports, nothing that hides another meaning. Where a
/// network was allowed, its addresses may be named without TLS and at any port.
pub fn read(text: &str, allowed: &Networks) -> Result<Url, CourierFault> {
    read_for(text, allowed, Errand::Event)
}

/// The same for an errand.
pub fn read_for(text: &str, allowed: &Networks, errand: Errand) -> Result<Url, CourierFault> {
    let bad = |why: &str| CourierFault::Url(why.to_owned());
    if text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\') {
        return Err(bad("blanks and backslashes are not part of an address"));
    }
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("an address with a user or a password"));
    }
    if url.fragment().is_some() {
        return Err(bad("an address with a fragment"));
    }
    let literal = literal(&url)?;
    let is_ours = literal.is_some_and(|it| allowed.contain(it)) || (literal.is_none() && !allowed.is_empty());
    match url.scheme() {
        "https" => {}
        "http" if is_ours || errand == Errand::Authority => {}
        _ => return Err(bad("only https")),
    }
    let port = url.port_or_known_default().unwrap_or_default();
    if !is_ours && !errand.ports().contains(&port) {
        return Err(bad("only the ports of the web"));
    }
    match literal {
        Some(address) => admit(address, allowed).map(|()| url),
        None => Ok(url),
    }
}

/// The address that a host is, when it is one; the parser has brought every odd spelling into form.
fn literal(url: &Url) -> Result<Option<IpAddr>, CourierFault> {
    match url.host() {
        Some(Host::Ipv4(it)) => Ok(Some(it.into())),
        Some(Host::Ipv6(it)) => Ok(Some(it.into())),
        Some(Host::Domain(name)) if !name.is_empty() && name.len() <= HOST_BYTES_AT_MOST && name.contains('.') => Ok(None),
        Some(Host::Domain("localhost")) => Ok(None),
        _ => Err(CourierFault::Url("the host is no name of the public network".to_owned())),
    }
}

/// Whether a connection to an address may be made.
pub fn admit(address: IpAddr, allowed: &Networks) -> Result<(), CourierFault> {
    if is_public(address) || allowed.contain(address) { Ok(()) } else { Err(CourierFault::Forbidden) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_addresses_are_refused_by_their_text() {
        let refused = [
            "http://example.com/x",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com:443/",
            "javascript:alert(1)",
            "data:text/plain,x",
            "//example.com/",
            "example.com",
            "",
            "https://",
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://example.com:22/",
            "https://example.com:6379/",
            "https://example.com:80/",
            "https://example.com/#x",
            "https://example.com\\@127.0.0.1/",
            "https://exa mple.com/",
            "https://example.com/\r\nHost: x",
            "https://localhost:25/",
            "https://intranet/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://127.0.0.1.:443/",
            "https://0/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[0:0:0:0:0:ffff:10.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.0.1/",
            "https://100.64.0.1/",
            "https://１２７.０.０.１/",
            "https://①②⑦.0.0.1/",
            "https://127。0。0。1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
        ];
        for text in refused {
            assert!(read(text, &Networks::default()).is_err(), "{text}");
        }
        for text in [
            "https://example.com/x?y=1",
            "https://example.com:8443/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "https://ñandú.mx/",
        ] {
            assert!(read(text, &Networks::default()).is_ok(), "{text}");
        }
        fedatario_testkit::covers!(
            "webhooks: odd schemes, ports, users and spellings of private addresses are refused by their text"
        );
    }

    #[test]
    fn an_allowed_network_is_named_plainly_and_no_other_is() {
        let allowed: Networks = "127.0.0.0/8".parse().unwrap();
        for (text, good) in [
            ("http://127.0.0.1:9000/x", true),
            ("http://localhost:9000/x", true),
            ("http://10.0.0.1:9000/x", false),
            ("https://169.254.169.254/", false),
            ("http://[::1]:9000/", false),
        ] {
            assert_eq!(read(text, &allowed).is_ok(), good, "{text}");
        }
    }
}
