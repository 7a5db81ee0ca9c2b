//! Where SAT answers anybody: four addresses that need no credential.
//!
//! The status of documents, that of retenciones, certificates by number, and the list of article
//! 69-B. The same line as for the others is drawn here: what belongs to taxpayers of a simulator is
//! never asked at SAT, nor the other way round. The list names nobody's documents, and SAT itself
//! publishes it on somebody else's host: an address that is given for it may be any.

use crate::endpoints::{EndpointError, checked, environment_of};
use fedatario_app::model::Environment;
use reqwest::Url;

/// A door that serves anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublicDoor {
    /// Consulta de estado of CFDI.
    Estado,
    /// The same of retenciones.
    EstadoRetenciones,
    /// Certificates by number.
    Certificados,
    /// The list of article 69-B.
    Lista69b,
}

impl PublicDoor {
    /// Every door there is.
    pub const ALL: [PublicDoor; 4] =
        [PublicDoor::Estado, PublicDoor::EstadoRetenciones, PublicDoor::Certificados, PublicDoor::Lista69b];

    /// Its path; below the one for certificates lie the certificates.
    pub fn path(self) -> &'static str {
        match self {
            PublicDoor::Estado => "/ConsultaCFDIService.svc",
            PublicDoor::EstadoRetenciones => "/Home/ConsultaRetencion",
            PublicDoor::Certificados => "/rccf",
            PublicDoor::Lista69b => "/agsc-publicaciones/Datos_abiertos/Documents_AGAFF/Listado_completo_69-B.csv",
        }
    }

    /// The host that serves it in production.
    fn production_host(self) -> &'static str {
        match self {
            PublicDoor::Estado => "consultaqr.facturaelectronica.sat.gob.mx",
            PublicDoor::EstadoRetenciones => "prodretencionverificacion.clouda.sat.gob.mx",
            PublicDoor::Certificados => "rdc.sat.gob.mx",
            PublicDoor::Lista69b => "wu1agsprosta001.blob.core.windows.net",
        }
    }

    /// What names it in the environment: `FEDATARIO_SAT_<NAME>_URL`.
    pub fn setting(self) -> &'static str {
        match self {
            PublicDoor::Estado => "ESTADO",
            PublicDoor::EstadoRetenciones => "ESTADO_RETENCIONES",
            PublicDoor::Certificados => "CERTIFICADOS",
            PublicDoor::Lista69b => "LISTA_69B",
        }
    }

    /// Its permanent name in a world: the key of its bucket and its breaker.
    pub fn name(self, environment: Environment) -> &'static str {
        match (self, environment) {
            (PublicDoor::Estado, Environment::Production) => "sat.estado",
            (PublicDoor::Estado, Environment::Sandbox) => "sat.estado.sandbox",
            (PublicDoor::EstadoRetenciones, Environment::Production) => "sat.estado_retenciones",
            (PublicDoor::EstadoRetenciones, Environment::Sandbox) => "sat.estado_retenciones.sandbox",
            (PublicDoor::Certificados, Environment::Production) => "sat.certificados",
            (PublicDoor::Certificados, Environment::Sandbox) => "sat.certificados.sandbox",
            (PublicDoor::Lista69b, Environment::Production) => "sat.lista_69b",
            (PublicDoor::Lista69b, Environment::Sandbox) => "sat.lista_69b.sandbox",
        }
    }
}

/// The four addresses of one world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEndpoints([Url; 4]);

impl PublicEndpoints {
    /// SAT's own.
    pub fn production() -> Self {
        let of = |door: PublicDoor| format!("https://{}{}", door.production_host(), door.path());
        Self(PublicDoor::ALL.map(|door| Url::parse(&of(door)).expect("a constant address")))
    }

    /// All four below one base, at SAT's own paths.
    pub fn from_base(base: &str) -> Result<Self, EndpointError> {
        let base = checked(base)?;
        let root = base.as_str().trim_end_matches('/').to_owned();
        let [a, b, c, d] = PublicDoor::ALL.map(|door| checked(&format!("{root}{}", door.path())));
        Ok(Self([a?, b?, c?, d?]))
    }

    /// The same with one address replaced.
    pub fn with(mut self, door: PublicDoor, address: &str) -> Result<Self, EndpointError> {
        self.0[door as usize] = checked(address)?;
        Ok(self)
    }

    /// One address.
    pub fn get(&self, door: PublicDoor) -> &Url {
        &self.0[door as usize]
    }
}

/// The addresses of both worlds, as far as this installation has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddresses {
    production: Option<PublicEndpoints>,
    sandbox: Option<PublicEndpoints>,
}

impl PublicAddresses {
    /// One set of addresses, for the world that this installation lives in; production keeps SAT's
    /// own beside a simulator's.
    pub fn configured(environment: Environment, endpoints: PublicEndpoints) -> Self {
        match environment {
            Environment::Production => Self { production: Some(endpoints), sandbox: None },
            Environment::Sandbox => Self { production: Some(PublicEndpoints::production()), sandbox: Some(endpoints) },
        }
    }

    /// The address for a taxpayer of a world, refused unless it belongs to that very world.
    pub fn find(&self, environment: Environment, door: PublicDoor) -> Result<&Url, EndpointError> {
        let endpoints = match environment {
            Environment::Production => self.production.as_ref(),
            Environment::Sandbox => self.sandbox.as_ref(),
        };
        let url = endpoints.ok_or(EndpointError::Mismatch(environment))?.get(door);
        let belongs = door == PublicDoor::Lista69b || environment_of(url) == environment;
        if belongs { Ok(url) } else { Err(EndpointError::Mismatch(environment)) }
    }
}

/// The address of a certificate below that of all of them: cut out of its own number.
pub(crate) fn certificate_url(base: &Url, number: &str) -> Option<Url> {
    if number.len() != 20 || !number.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let cut = [&number[..6], &number[6..12], &number[12..14], &number[14..16], &number[16..18]].join("/");
    Url::parse(&format!("{}/{cut}/{number}.cer", base.as_str().trim_end_matches('/'))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_what_the_documents_list() {
        let it = PublicEndpoints::production();
        for (door, url) in [
            (PublicDoor::Estado, "https://consultaqr.facturaelectronica.sat.gob.mx/ConsultaCFDIService.svc"),
            (PublicDoor::EstadoRetenciones, "https://prodretencionverificacion.clouda.sat.gob.mx/Home/ConsultaRetencion"),
            (PublicDoor::Certificados, "https://rdc.sat.gob.mx/rccf"),
            (
                PublicDoor::Lista69b,
                "https://wu1agsprosta001.blob.core.windows.net/agsc-publicaciones/Datos_abiertos/Documents_AGAFF/Listado_completo_69-B.csv",
            ),
        ] {
            assert_eq!(it.get(door).as_str(), url);
        }
        let number = "00001000000504465028";
        let url = certificate_url(it.get(PublicDoor::Certificados), number).unwrap();
        assert_eq!(url.as_str(), "https://rdc.sat.gob.mx/rccf/000010/000005/04/46/50/00001000000504465028.cer");
        for odd in ["", "1", "0000100000050446502x", "../../../../../../x.cer", "000010000005044650281"] {
            assert_eq!(certificate_url(it.get(PublicDoor::Certificados), odd), None, "{odd}");
        }
    }

    #[test]
    fn one_base_serves_all_four_and_the_line_between_the_worlds_is_not_crossed() {
        let sandbox = PublicEndpoints::from_base("http://127.0.0.1:7000/").unwrap();
        assert_eq!(sandbox.get(PublicDoor::Estado).as_str(), "http://127.0.0.1:7000/ConsultaCFDIService.svc");
        assert_eq!(sandbox.get(PublicDoor::EstadoRetenciones).as_str(), "http://127.0.0.1:7000/Home/ConsultaRetencion");
        let both = PublicAddresses::configured(Environment::Sandbox, sandbox.clone());
        for door in PublicDoor::ALL {
            assert!(both.find(Environment::Sandbox, door).is_ok());
            assert!(both.find(Environment::Production, door).is_ok());
        }
        let only = PublicAddresses::configured(Environment::Production, PublicEndpoints::production());
        let crossed = Err(EndpointError::Mismatch(Environment::Sandbox));
        assert_eq!(only.find(Environment::Sandbox, PublicDoor::Estado), crossed);
        // An address of one world in the other's place.
        let mixed = sandbox.clone().with(PublicDoor::Estado, "https://consultaqr.facturaelectronica.sat.gob.mx/x.svc").unwrap();
        let mixed = PublicAddresses::configured(Environment::Sandbox, mixed);
        assert_eq!(mixed.find(Environment::Sandbox, PublicDoor::Estado), crossed);
        let mirrored = PublicEndpoints::production().with(PublicDoor::Certificados, "http://127.0.0.1:7000/rccf").unwrap();
        let mirrored = PublicAddresses::configured(Environment::Production, mirrored);
        assert!(mirrored.find(Environment::Production, PublicDoor::Certificados).is_err());
        // The list is published by others, and names nobody's documents.
        let list = PublicEndpoints::production().with(PublicDoor::Lista69b, "https://example.test/69b.csv").unwrap();
        let list = PublicAddresses::configured(Environment::Production, list);
        assert!(list.find(Environment::Production, PublicDoor::Lista69b).is_ok());
        fedatario_testkit::covers!("sat: public doors: one base, each set alone, and no crossing between the worlds");
    }
}
