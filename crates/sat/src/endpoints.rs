//! Where SAT is: eight addresses, four doors for each of two families.
//!
//! Promises that an address of SAT is never taken for a simulator's nor the other way round: both
//! are told apart by their host, and [`Addresses::find`] refuses to cross that line before a byte
//! leaves. Which taxpayer lives on which side is decided elsewhere, at registration.

use fedatario_app::model::{Environment, Family};
use fedatario_base::Code;
use reqwest::Url;

/// The domain that only SAT can serve.
const PRODUCTION_DOMAIN: &str = "sat.gob.mx";

/// Path that holds the Retenciones family below a base of one's own.
const RETENCIONES_PREFIX: &str = "/retenciones";

/// The four services of a family, each at its own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// Opens sessions.
    Autentica,
    /// Takes requests.
    Solicita,
    /// Says how a request stands.
    Verifica,
    /// Hands packages out.
    Descargar,
}

impl Door {
    /// Every door there is.
    pub const ALL: [Door; 4] = [Door::Autentica, Door::Solicita, Door::Verifica, Door::Descargar];

    /// Its path, the same for both families.
    pub fn path(self) -> &'static str {
        match self {
            Door::Autentica => "/Autenticacion/Autenticacion.svc",
            Door::Solicita => "/SolicitaDescargaService.svc",
            Door::Verifica => "/VerificaSolicitudDescargaService.svc",
            Door::Descargar => "/DescargaMasivaService.svc",
        }
    }

    /// SAT's own host for it. Packages come from another host than the rest.
    fn production_host(self, family: Family) -> &'static str {
        match (self, family) {
            (Door::Descargar, Family::Cfdi) => "cfdidescargamasiva.clouda.sat.gob.mx",
            (Door::Descargar, Family::Retenciones) => "retendescargamasiva.clouda.sat.gob.mx",
            (_, Family::Cfdi) => "cfdidescargamasivasolicitud.clouda.sat.gob.mx",
            (_, Family::Retenciones) => "retendescargamasivasolicitud.clouda.sat.gob.mx",
        }
    }
}

/// Why an address is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an address, or one with a query, a fragment or a password.
    #[error("not an address of a service: {0}")]
    Format(String),
    /// SAT is spoken to over TLS or not at all.
    #[error("SAT's own host needs https: {0}")]
    Insecure(String),
    /// The address belongs to the other world, or there is none for this one.
    #[error("a {0} taxpayer has no address here that is {0}")]
    Mismatch(Environment),
}

impl EndpointError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            EndpointError::Format(_) | EndpointError::Insecure(_) => Code::ConfigInvalid,
            EndpointError::Mismatch(_) => Code::EnvironmentMismatch,
        }
    }
}

/// Whether an address is SAT's own: its host lies under `sat.gob.mx`.
pub fn is_production(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == PRODUCTION_DOMAIN || host.strip_suffix(PRODUCTION_DOMAIN).is_some_and(|it| it.ends_with('.'))
}

/// The world that an address belongs to.
pub fn environment_of(url: &Url) -> Environment {
    if is_production(url) { Environment::Production } else { Environment::Sandbox }
}

/// The eight addresses of one world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    cfdi: [Url; 4],
    retenciones: [Url; 4],
}

impl Endpoints {
    /// SAT's own.
    pub fn production() -> Self {
        let of = |family: Family| {
            Door::ALL.map(|door| {
                let text = format!("https://{}{}", door.production_host(family), door.path());
                Url::parse(&text).expect("a constant address")
            })
        };
        Self { cfdi: of(Family::Cfdi), retenciones: of(Family::Retenciones) }
    }

    /// All eight below one base: the CFDI family at SAT's own paths, Retenciones under its prefix.
    pub fn from_base(base: &str) -> Result<Self, EndpointError> {
        let base = checked(base)?;
        let root = base.as_str().trim_end_matches('/').to_owned();
        let of = |prefix: &str| {
            let [a, s, v, d] = Door::ALL.map(|door| checked(&format!("{root}{prefix}{}", door.path())));
            Ok([a?, s?, v?, d?])
        };
        Ok(Self { cfdi: of("")?, retenciones: of(RETENCIONES_PREFIX)? })
    }

    /// The same with one address replaced.
    pub fn with(mut self, family: Family, door: Door, address: &str) -> Result<Self, EndpointError> {
        let url = checked(address)?;
        match family {
            Family::Cfdi => self.cfdi[door as usize] = url,
            Family::Retenciones => self.retenciones[door as usize] = url,
        }
        Ok(self)
    }

    /// One address.
    pub fn get(&self, family: Family, door: Door) -> &Url {
        match family {
            Family::Cfdi => &self.cfdi[door as usize],
            Family::Retenciones => &self.retenciones[door as usize],
        }
    }
}

/// An address that can be posted to. A password in it would end up in logs.
pub(crate) fn checked(text: &str) -> Result<Url, EndpointError> {
    let url = Url::parse(text).map_err(|_| EndpointError::Format(text.to_owned()))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !plain || !url.has_host() || !matches!(url.scheme(), "http" | "https") {
        return Err(EndpointError::Format(url.host_str().unwrap_or("no host").to_owned()));
    }
    if is_production(&url) && url.scheme() != "https" {
        return Err(EndpointError::Insecure(url.host_str().unwrap_or_default().to_owned()));
    }
    Ok(url)
}

/// The addresses of both worlds, as far as this installation has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// For production taxpayers.
    pub production: Option<Endpoints>,
    /// For taxpayers of a simulator.
    pub sandbox: Option<Endpoints>,
}

impl Default for Addresses {
    /// SAT's own, and no simulator.
    fn default() -> Self {
        Self { production: Some(Endpoints::production()), sandbox: None }
    }
}

impl Addresses {
    /// Sorts one set of addresses into the world of its door for sessions; the other world keeps
    /// its default. This is what `FEDATARIO_SAT_URL` sets.
    pub fn configured(endpoints: Endpoints) -> Self {
        match environment_of(endpoints.get(Family::Cfdi, Door::Autentica)) {
            Environment::Production => Self { production: Some(endpoints), sandbox: None },
            Environment::Sandbox => Self { sandbox: Some(endpoints), ..Self::default() },
        }
    }

    /// The address for a taxpayer of a world, refused unless it belongs to that very world.
    pub fn find(&self, environment: Environment, family: Family, door: Door) -> Result<&Url, EndpointError> {
        let endpoints = match environment {
            Environment::Production => self.production.as_ref(),
            Environment::Sandbox => self.sandbox.as_ref(),
        };
        let url = endpoints.ok_or(EndpointError::Mismatch(environment))?.get(family, door);
        if environment_of(url) == environment { Ok(url) } else { Err(EndpointError::Mismatch(environment)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_what_the_documents_list() {
        let it = Endpoints::production();
        let expected = [
            (
                Family::Cfdi,
                Door::Autentica,
                "https://cfdidescargamasivasolicitud.clouda.sat.gob.mx/Autenticacion/Autenticacion.svc",
            ),
            (Family::Cfdi, Door::Solicita, "https://cfdidescargamasivasolicitud.clouda.sat.gob.mx/SolicitaDescargaService.svc"),
            (
                Family::Cfdi,
                Door::Verifica,
                "https://cfdidescargamasivasolicitud.clouda.sat.gob.mx/VerificaSolicitudDescargaService.svc",
            ),
            (Family::Cfdi, Door::Descargar, "https://cfdidescargamasiva.clouda.sat.gob.mx/DescargaMasivaService.svc"),
            (
                Family::Retenciones,
                Door::Autentica,
                "https://retendescargamasivasolicitud.clouda.sat.gob.mx/Autenticacion/Autenticacion.svc",
            ),
            (
                Family::Retenciones,
                Door::Solicita,
                "https://retendescargamasivasolicitud.clouda.sat.gob.mx/SolicitaDescargaService.svc",
            ),
            (
                Family::Retenciones,
                Door::Verifica,
                "https://retendescargamasivasolicitud.clouda.sat.gob.mx/VerificaSolicitudDescargaService.svc",
            ),
            (Family::Retenciones, Door::Descargar, "https://retendescargamasiva.clouda.sat.gob.mx/DescargaMasivaService.svc"),
        ];
        for (family, door, url) in expected {
            assert_eq!(it.get(family, door).as_str(), url);
            assert!(is_production(it.get(family, door)));
        }
    }

    #[test]
    fn one_base_serves_all_eight_and_each_can_be_set_alone() {
        for base in ["http://127.0.0.1:7000", "http://127.0.0.1:7000/"] {
            let it = Endpoints::from_base(base).unwrap();
            assert_eq!(it.get(Family::Cfdi, Door::Solicita).as_str(), "http://127.0.0.1:7000/SolicitaDescargaService.svc");
            let ret = it.get(Family::Retenciones, Door::Autentica);
            assert_eq!(ret.as_str(), "http://127.0.0.1:7000/retenciones/Autenticacion/Autenticacion.svc");
        }
        let it = Endpoints::from_base("https://sandbox.test/sat").unwrap();
        assert_eq!(it.get(Family::Cfdi, Door::Descargar).as_str(), "https://sandbox.test/sat/DescargaMasivaService.svc");
        let moved = it.clone().with(Family::Cfdi, Door::Descargar, "http://127.0.0.1:9/d").unwrap();
        assert_eq!(moved.get(Family::Cfdi, Door::Descargar).as_str(), "http://127.0.0.1:9/d");
        assert_eq!(moved.get(Family::Cfdi, Door::Verifica), it.get(Family::Cfdi, Door::Verifica));
        fedatario_testkit::covers!("sat: FEDATARIO_SAT_URL is one base for eight addresses, each can be set alone");
    }

    #[test]
    fn a_host_is_told_by_its_domain_and_not_by_its_looks() {
        let cases = [
            ("https://sat.gob.mx/", true),
            ("https://x.SAT.gob.MX/", true),
            ("https://x.sat.gob.mx./", true),
            ("https://notsat.gob.mx/", false),
            ("https://sat.gob.mx.evil.test/", false),
            ("http://127.0.0.1/sat.gob.mx", false),
            ("https://evil.test/?x=.sat.gob.mx", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_production(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn odd_addresses_are_refused() {
        for text in ["", "sat", "ftp://x/", "http://u:p@x/", "http://x/?q", "http://x/#f", "mailto:a@b", "unix:/x"] {
            assert!(matches!(Endpoints::from_base(text), Err(EndpointError::Format(_))), "{text}");
        }
        let plain = Endpoints::from_base("http://cfdi.sat.gob.mx").unwrap_err();
        assert!(matches!(plain, EndpointError::Insecure(_)));
        assert_eq!(plain.code(), Code::ConfigInvalid);
        let secret = Endpoints::from_base("http://user:hunter2@x/").unwrap_err();
        assert!(!secret.to_string().contains("hunter2"));
    }

    #[test]
    fn the_line_between_the_worlds_is_not_crossed() {
        let sandbox = Endpoints::from_base("http://127.0.0.1:7000").unwrap();
        let both = Addresses::configured(sandbox.clone());
        assert!(both.find(Environment::Sandbox, Family::Cfdi, Door::Autentica).is_ok());
        assert!(both.find(Environment::Production, Family::Cfdi, Door::Autentica).is_ok());

        let none = Addresses::default();
        let swapped = Addresses { production: Some(sandbox.clone()), sandbox: Some(Endpoints::production()) };
        let leaking = sandbox.with(Family::Cfdi, Door::Descargar, "https://cfdidescargamasiva.clouda.sat.gob.mx/x").unwrap();
        let one = Addresses { sandbox: Some(leaking), production: None };
        let refused = [
            (&none, Environment::Sandbox, Door::Autentica),
            (&swapped, Environment::Sandbox, Door::Autentica),
            (&swapped, Environment::Production, Door::Verifica),
            (&one, Environment::Sandbox, Door::Descargar),
            (&one, Environment::Production, Door::Descargar),
        ];
        for (addresses, environment, door) in refused {
            let error = addresses.find(environment, Family::Cfdi, door).unwrap_err();
            assert_eq!(error.code(), Code::EnvironmentMismatch);
        }
        assert!(one.find(Environment::Sandbox, Family::Cfdi, Door::Verifica).is_ok());
        fedatario_testkit::covers!("sat: a sandbox taxpayer never reaches a production address, nor the reverse");
    }
}
