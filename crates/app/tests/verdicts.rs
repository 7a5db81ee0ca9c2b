//! What becomes of documents that were tampered with in every way we know, under certificates of our own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_app::revision::certificates::{Authorities, Certificates};
use fedatario_app::revision::lists;
use fedatario_app::revision::model::{Reason, Trust, Verdict};
use fedatario_app::revision::verdict::{Bench, Judged};
use fedatario_credentials::mint::{Authority, Sealer, Subject};
use fedatario_credentials::{Certificate, Kind};
use fedatario_fiscal::mx::cadena;

const ISSUER: &str = "EKU9003173C9";
const PAC: &str = "SPR190613I52";
const UUID: &str = "26da5355-e4bd-57d7-8e8e-b567754a287f";

/// A key with its certificate.
struct Holder {
    key: Sealer,
    certificate: Certificate,
}

impl Holder {
    fn new(authority: &Authority, rfc: &str, number: &str) -> Self {
        let key = Sealer::generate().unwrap();
        let subject =
            Subject { rfc: rfc.into(), representative_rfc: None, name: "PRUEBA".into(), curp: None, branch: Some("MATRIZ".into()) };
        let (from, to) = (authority.certificate().not_before(), authority.certificate().not_after());
        let der = authority.certify(&subject, Kind::Csd, number, from, to, &key).unwrap();
        Self { key, certificate: Certificate::parse(&der).unwrap() }
    }

    fn seal(&self, text: &str) -> String {
        STANDARD.encode(self.key.seal(text.as_bytes()).unwrap())
    }
}

/// Everybody there is.
struct World {
    authority: Authority,
    issuer: Holder,
    pac: Holder,
}

impl World {
    fn new() -> Self {
        let authority = Authority::generate("AC DE PRUEBA", "2025-01-01T00:00:00Z".parse().unwrap()).unwrap();
        let issuer = Holder::new(&authority, ISSUER, "30001000000500000001");
        let pac = Holder::new(&authority, PAC, "30001000000500000002");
        Self { authority, issuer, pac }
    }

    /// A sealed and stamped document.
    fn document(&self) -> String {
        self.stamped(&self.sealed(&self.issuer, self.issuer.certificate.number(), ""), &self.pac)
    }

    fn sealed(&self, by: &Holder, number: &str, complement: &str) -> String {
        let certificate = STANDARD.encode(by.certificate.der());
        let draft = format!(
            "<cfdi:Comprobante xmlns:cfdi=\"http://www.sat.gob.mx/cfd/4\" Version=\"4.0\" Fecha=\"2025-03-04T05:06:07\" Sello=\"\" \
             NoCertificado=\"{number}\" Certificado=\"{certificate}\" SubTotal=\"100.00\" Moneda=\"MXN\" Total=\"116.00\" \
             TipoDeComprobante=\"I\" Exportacion=\"01\" LugarExpedicion=\"01000\">\
             <cfdi:Emisor Rfc=\"{ISSUER}\" Nombre=\"ESCUELA\" RegimenFiscal=\"601\"/>\
             <cfdi:Receptor Rfc=\"XAXX010101000\" Nombre=\"PÚBLICO\" DomicilioFiscalReceptor=\"01000\" RegimenFiscalReceptor=\"616\" \
             UsoCFDI=\"S01\"/><cfdi:Conceptos><cfdi:Concepto ClaveProdServ=\"01010101\" Cantidad=\"1\" ClaveUnidad=\"H87\" \
             Descripcion=\"Algo\" ValorUnitario=\"100.00\" Importe=\"100.00\" ObjetoImp=\"01\"/></cfdi:Conceptos>\
             <cfdi:Complemento>{complement}</cfdi:Complemento></cfdi:Comprobante>"
        );
        let seal = by.seal(&cadena::read(&draft).unwrap().document);
        draft.replacen("Sello=\"\"", &format!("Sello=\"{seal}\""), 1)
    }

    fn stamped(&self, document: &str, by: &Holder) -> String {
        let seal = attribute(document, "Sello").to_owned();
        let stamp = format!(
            "<tfd:TimbreFiscalDigital xmlns:tfd=\"http://www.sat.gob.mx/TimbreFiscalDigital\" Version=\"1.1\" UUID=\"{UUID}\" \
             FechaTimbrado=\"2025-03-04T05:06:08\" RfcProvCertif=\"{PAC}\" SelloCFD=\"{seal}\" NoCertificadoSAT=\"{}\" SelloSAT=\"\"/>",
            by.certificate.number()
        );
        let whole = document.replace("</cfdi:Complemento>", &format!("{stamp}</cfdi:Complemento>"));
        let text = cadena::read(&whole).unwrap().stamp.unwrap().cadena;
        whole.replacen("SelloSAT=\"\"", &format!("SelloSAT=\"{}\"", by.seal(&text)), 1)
    }

    fn judge(&self, document: &str, known: &[&Holder], authorities: Vec<Certificate>) -> Judged {
        let certificates = Certificates::default();
        let known: Vec<Certificate> = known.iter().map(|it| it.certificate.clone()).collect();
        lists::remember(&certificates, &known);
        let authorities = Authorities::new(authorities).unwrap();
        Bench { certificates: &certificates, authorities: &authorities }.judge(&cadena::read_bytes(document.as_bytes()))
    }
}

fn attribute<'a>(document: &'a str, name: &str) -> &'a str {
    let rest = document.split_once(&format!(" {name}=\"")).unwrap().1;
    rest.split_once('"').unwrap().0
}

#[test]
fn every_way_of_tampering_is_told_by_its_own_reason() {
    let world = World::new();
    let good = world.document();
    let other = Holder::new(&world.authority, "AAA010101AAA", "30001000000500000003");
    let foreign = Authority::generate("AC AJENA", "2025-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let imposter = Holder::new(&foreign, ISSUER, world.issuer.certificate.number());
    let own = Holder::new(&world.authority, ISSUER, "30001000000500000004");
    let number = world.issuer.certificate.number();
    let sealed = |by: &Holder, number: &str| world.stamped(&world.sealed(by, number, ""), &world.pac);
    let unknown = "<x:Nuevo xmlns:x=\"http://www.sat.gob.mx/nuevo\" a=\"1\"/>";
    let swapped = {
        let another = world.stamped(&world.sealed(&own, own.certificate.number(), ""), &world.pac);
        let stamp = |it: &str| it[it.find("<tfd:").unwrap()..it.find("</cfdi:Complemento>").unwrap()].to_owned();
        good.replace(&stamp(&good), &stamp(&another))
    };
    let twice = {
        let at = good.find("</cfdi:Complemento>").unwrap();
        let stamp = &good[good.find("<tfd:").unwrap()..at];
        format!("{}{stamp}{}", &good[..at], &good[at..])
    };
    let without = |name: &str| good.replacen(&format!("{name}=\"{}\"", attribute(&good, name)), "", 1);
    let unstamped = world.sealed(&world.issuer, number, "");
    use Reason::*;
    let rows: Vec<(&str, String, Verdict, Option<Reason>)> = vec![
        ("as issued", good.clone(), Verdict::Good, None),
        ("an amount changed", good.replace("Total=\"116.00\"", "Total=\"1.16\""), Verdict::Altered, Some(SealMismatch)),
        ("a name changed", good.replace("PÚBLICO", "PUBLICO"), Verdict::Altered, Some(SealMismatch)),
        ("two stamps", twice, Verdict::Altered, Some(SeveralStamps)),
        ("the stamp of another", swapped, Verdict::Forged, Some(StampOfAnother)),
        ("the folio changed", good.replace(UUID, "26da5355-e4bd-57d7-8e8e-b567754a2870"), Verdict::Forged, Some(StampMismatch)),
        ("the seal of another", sealed(&other, other.certificate.number()), Verdict::Forged, Some(CertificateOfAnother)),
        ("another's number", sealed(&own, number), Verdict::Forged, Some(CertificateNumber)),
        ("a certificate of nobody's authority", sealed(&imposter, number), Verdict::Unverifiable, Some(CertificateUntrusted)),
        (
            "certified by its issuer",
            world.stamped(&world.sealed(&world.issuer, number, ""), &own),
            Verdict::Unverifiable,
            Some(SelfStamped),
        ),
        ("no stamp", unstamped, Verdict::Unverifiable, Some(Unstamped)),
        ("no seal", without("Sello"), Verdict::Forged, Some(StampOfAnother)),
        ("no certificate", without("Certificado"), Verdict::Unverifiable, Some(CertificateMissing)),
        (
            "a broken certificate",
            good.replace(attribute(&good, "Certificado"), "AAAA"),
            Verdict::Unverifiable,
            Some(CertificateUnreadable),
        ),
        (
            "a certifier nobody knows",
            world.stamped(&world.sealed(&world.issuer, number, ""), &other),
            Verdict::Unverifiable,
            Some(StampCertificateMissing),
        ),
        (
            "an unknown complement",
            world.stamped(&world.sealed(&world.issuer, number, unknown), &world.pac),
            Verdict::Unverifiable,
            Some(UnknownComplement),
        ),
        ("another version", good.replacen("Version=\"4.0\"", "Version=\"5.0\"", 1), Verdict::Unverifiable, Some(Unreadable)),
        ("no document", "<a/>".to_owned(), Verdict::Unverifiable, Some(Unreadable)),
        ("no XML", "PK".to_owned(), Verdict::Unverifiable, Some(Unreadable)),
    ];
    for (what, document, verdict, reason) in rows {
        let judged = world.judge(&document, &[&world.pac, &own], vec![world.authority.certificate().clone()]);
        assert_eq!((judged.verdict, judged.reason), (verdict, reason), "{what}: {judged:?}");
        assert_eq!(judged.verdict == Verdict::Good, judged.trust == Trust::Chained && judged.reason.is_none(), "{what}");
    }
    fedatario_testkit::covers!("verdicts: every way of tampering has its own reason, and nothing that was not looked at is good");
}

#[test]
fn trust_is_stated_and_never_assumed() {
    let world = World::new();
    let good = world.document();
    let nobody = world.judge(&good, &[&world.pac], Vec::new());
    assert_eq!((nobody.verdict, nobody.trust), (Verdict::Good, Trust::NotChecked));
    let foreign = Authority::generate("AC AJENA", "2025-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let other = world.judge(&good, &[&world.pac], vec![foreign.certificate().clone()]);
    assert_eq!((other.verdict, other.trust), (Verdict::Unverifiable, Trust::Untrusted));
    assert_eq!((other.reason, other.also), (Some(Reason::CertificateUntrusted), vec![Reason::StampCertificateUntrusted]));
    let both = vec![foreign.certificate().clone(), world.authority.certificate().clone()];
    assert_eq!(world.judge(&good, &[&world.pac], both).trust, Trust::Chained);
    // A taxpayer's certificate vouches for nobody.
    assert!(Authorities::new(vec![world.issuer.certificate.clone()]).is_err());
    let marks = |all: Vec<Certificate>| Authorities::new(all).unwrap().mark().to_owned();
    let (one, two) = (world.authority.certificate().clone(), foreign.certificate().clone());
    assert_eq!(marks(Vec::new()), "none");
    assert_eq!(marks(vec![one.clone(), two.clone()]), marks(vec![two.clone(), one.clone(), one.clone()]));
    assert_ne!(marks(vec![one]), marks(vec![two]));
    fedatario_testkit::covers!("verdicts: trust is by configured authorities alone; without any it is said to be not checked");
}
