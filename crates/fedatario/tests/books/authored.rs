//! Documents that the published ones do not have: old versions, other currencies, other rates, gaps.

use std::io::Write;
use std::path::Path;

pub const RFC: &str = "EKU9003173C9";
const OTHER: &str = "H&amp;E951128469";

/// A UUID from a number.
pub fn uuid(number: u32) -> String {
    format!("{number:08x}-1111-4222-8333-abcdefabcdef")
}

fn stamp(number: u32) -> String {
    format!(
        r#"<tfd:TimbreFiscalDigital xmlns:tfd="http://www.sat.gob.mx/TimbreFiscalDigital" Version="1.1" UUID="{}" FechaTimbrado="2025-03-31T00:00:00" RfcProvCertif="SPR190613I52"/>"#,
        uuid(number).to_uppercase()
    )
}

/// A CFDI of version 3.3 or 4.0.
fn cfdi(number: u32, version: &str, root: &str, parties: (&str, &str), inner: &str, complement: &str) -> String {
    let namespace = if version == "4.0" { 4 } else { 3 };
    let concept = if inner.contains("<cfdi:Conceptos>") {
        ""
    } else {
        r#"<cfdi:Conceptos><cfdi:Concepto Descripcion="=Servicio, &quot;especial&quot;&#10;de prueba"/></cfdi:Conceptos>"#
    };
    format!(
        r#"<cfdi:Comprobante xmlns:cfdi="http://www.sat.gob.mx/cfd/{namespace}" Version="{version}" Serie="-X" Folio="{number}" {root}><cfdi:Emisor Rfc="{}" Nombre="@EMPRESA"/><cfdi:Receptor Rfc="{}" Nombre="NOMBRE, S.A. &quot;Ñ&quot;"/>{concept}{inner}<cfdi:Complemento>{complement}{}</cfdi:Complemento></cfdi:Comprobante>"#,
        parties.0,
        parties.1,
        stamp(number)
    )
}

fn iva(base: &str, factor: &str, rate: &str, amount: &str) -> String {
    let number = |name: &str, value: &str| if value.is_empty() { String::new() } else { format!(r#" {name}="{value}""#) };
    format!(
        r#"<cfdi:Traslado Impuesto="002" TipoFactor="{factor}"{}{}{}/>"#,
        number("Base", base),
        number("TasaOCuota", rate),
        number("Importe", amount)
    )
}

fn traslados(inner: &str) -> String {
    format!("<cfdi:Impuestos><cfdi:Traslados>{inner}</cfdi:Traslados></cfdi:Impuestos>")
}

fn conceptos(taxes: &str) -> String {
    format!(r#"<cfdi:Conceptos><cfdi:Concepto Descripcion="Varios">{taxes}</cfdi:Concepto></cfdi:Conceptos>"#)
}

fn pagos10(inner: &str) -> String {
    format!(r#"<pago10:Pagos xmlns:pago10="http://www.sat.gob.mx/Pagos" Version="1.0">{inner}</pago10:Pagos>"#)
}

/// Name and document, each for one rule.
pub fn documents() -> Vec<(&'static str, u32, String)> {
    let (ours, theirs) = ((RFC, OTHER), (OTHER, RFC));
    let later = r#"Fecha="2025-02-10T10:00:00" SubTotal="1000.00" Descuento="100.00" Moneda="USD" TipoCambio="20.1234" Total="1044.00" TipoDeComprobante="I" MetodoPago="PPD""#;
    let taxed = format!(
        "{}{}",
        conceptos(&traslados(&iva("900.00", "Tasa", "0.160000", "144.00"))),
        traslados(&iva("", "Tasa", "0.160000", "144.00"))
    );
    let border = format!("{}{}", iva("200.005", "Tasa", "0.080000", "16.0004"), iva("50.00", "Tasa", "0.000000", "0.00"));
    let exempt_33 =
        conceptos(&traslados(&format!("{}{}", iva("300.00", "Exento", "", ""), iva("10.00", "Tasa", "0.160000", "1.60"))));
    let odd_rate = iva("100.00", "Tasa", "0.110000", "11.00");
    let cash = |day: &str, inner: &str| pagos10(&format!(r#"<pago10:Pago FechaPago="{day}T12:00:00" {inner}</pago10:Pago>"#));
    let owed = uuid(1).to_uppercase();
    vec![
        ("ppd-usd", 1, cfdi(1, "3.3", later, ours, &taxed, "")),
        // Half of it paid in pesos, documented two months later.
        (
            "pagos10-pesos",
            2,
            cfdi(
                2,
                "3.3",
                r#"Fecha="2025-05-02T10:00:00" SubTotal="0" Moneda="XXX" Total="0" TipoDeComprobante="P""#,
                ours,
                "",
                &cash(
                    "2025-03-30",
                    &format!(
                        r#"MonedaP="MXN" Monto="10000.00"><pago10:DoctoRelacionado IdDocumento="{owed}" MonedaDR="USD" TipoCambioDR="0.050000" ImpPagado="500.00"/>"#
                    ),
                ),
            ),
        ),
        // The rest in dollars; one document, so what was paid of it is the whole payment.
        (
            "pagos10-dolares",
            3,
            cfdi(
                3,
                "3.3",
                r#"Fecha="2025-04-03T10:00:00" SubTotal="0" Moneda="XXX" Total="0" TipoDeComprobante="P""#,
                ours,
                "",
                &cash(
                    "2025-03-31",
                    &format!(
                        r#"MonedaP="USD" TipoCambioP="19.5" Monto="544.00"><pago10:DoctoRelacionado IdDocumento="{owed}" MonedaDR="USD"/>"#
                    ),
                ),
            ),
        ),
        (
            "pagos10-sin-documento",
            4,
            cfdi(
                4,
                "3.3",
                r#"Fecha="2025-03-20T10:00:00" SubTotal="0" Moneda="XXX" Total="0" TipoDeComprobante="P""#,
                ours,
                "",
                &cash(
                    "2025-03-19",
                    &format!(
                        r#"MonedaP="MXN" Monto="1.00"><pago10:DoctoRelacionado IdDocumento="{}" MonedaDR="MXN" ImpPagado="1.00"/>"#,
                        uuid(99)
                    ),
                ),
            ),
        ),
        (
            "frontera",
            5,
            cfdi(
                5,
                "4.0",
                r#"Fecha="2025-03-05T10:00:00" SubTotal="250.005" Moneda="MXN" Total="266.0054" TipoDeComprobante="I" MetodoPago="PUE""#,
                ours,
                &traslados(&border),
                "",
            ),
        ),
        (
            "exento-33",
            6,
            cfdi(
                6,
                "3.3",
                r#"Fecha="2025-03-06T10:00:00" SubTotal="310.00" Moneda="MXN" Total="311.60" TipoDeComprobante="I" MetodoPago="PUE""#,
                theirs,
                &format!("{exempt_33}{}", traslados(&iva("", "Tasa", "0.160000", "1.60"))),
                "",
            ),
        ),
        (
            "sin-tipo-de-cambio",
            7,
            cfdi(
                7,
                "4.0",
                r#"Fecha="2025-03-07T10:00:00" SubTotal="5.00" Moneda="EUR" Total="5.00" TipoDeComprobante="I" MetodoPago="PUE""#,
                ours,
                "",
                "",
            ),
        ),
        (
            "nota-en-dolares",
            8,
            cfdi(
                8,
                "4.0",
                r#"Fecha="2025-03-08T10:00:00" SubTotal="10.00" Moneda="USD" TipoCambio="18.333333" Total="11.60" TipoDeComprobante="E" MetodoPago="PUE""#,
                ours,
                &traslados(&iva("10.00", "Tasa", "0.160000", "1.60")),
                "",
            ),
        ),
        (
            "otra-tasa-y-locales",
            9,
            cfdi(
                9,
                "4.0",
                r#"Fecha="2025-03-31T23:59:59" SubTotal="100.00" Moneda="MXN" Total="114.00" TipoDeComprobante="I" MetodoPago="PUE""#,
                theirs,
                &traslados(&odd_rate),
                r#"<implocal:ImpuestosLocales xmlns:implocal="http://www.sat.gob.mx/implocal" version="1.0" TotaldeRetenciones="0.50" TotaldeTraslados="3.00"/>"#,
            ),
        ),
        (
            "version-32",
            10,
            format!(
                r#"<cfdi:Comprobante xmlns:cfdi="http://www.sat.gob.mx/cfd/3" version="3.2" fecha="2025-03-09T10:00:00" subTotal="100.00" descuento="10.00" total="104.40" tipoDeComprobante="ingreso" formaDePago="PAGO EN UNA SOLA EXHIBICION" metodoDePago="03"><cfdi:Emisor rfc="{RFC}" nombre="E"/><cfdi:Receptor rfc="{OTHER}" nombre="R"/><cfdi:Conceptos><cfdi:Concepto descripcion="Viejo" importe="100.00"/></cfdi:Conceptos><cfdi:Impuestos totalImpuestosTrasladados="14.40"><cfdi:Retenciones><cfdi:Retencion impuesto="ISR" importe="9.00"/></cfdi:Retenciones><cfdi:Traslados><cfdi:Traslado impuesto="IVA" tasa="16.00" importe="14.40"/></cfdi:Traslados></cfdi:Impuestos><cfdi:Complemento>{}</cfdi:Complemento></cfdi:Comprobante>"#,
                stamp(10)
            ),
        ),
        (
            "cancelado",
            11,
            cfdi(
                11,
                "4.0",
                r#"Fecha="2025-03-10T10:00:00" SubTotal="7777.00" Moneda="MXN" Total="7777.00" TipoDeComprobante="I" MetodoPago="PUE""#,
                ours,
                "",
                "",
            ),
        ),
        (
            "nomina-pagada-despues",
            12,
            cfdi(
                12,
                "4.0",
                r#"Fecha="2025-02-28T10:00:00" SubTotal="100.00" Moneda="MXN" Total="80.00" TipoDeComprobante="N""#,
                (RFC, "XIQB891116QE4"),
                "",
                r#"<nomina12:Nomina xmlns:nomina12="http://www.sat.gob.mx/nomina12" Version="1.2" FechaPago="2025-03-01" TotalPercepciones="100.00" TotalDeducciones="20.00"><nomina12:Deducciones><nomina12:Deduccion TipoDeduccion="002" Importe="15.00"/><nomina12:Deduccion TipoDeduccion="001" Importe="5.00"/></nomina12:Deducciones></nomina12:Nomina>"#,
            ),
        ),
    ]
}

/// Writes the documents into a folder, and a package of them with their metadata: (package, statuses).
pub fn packed(dir: &Path) -> (std::path::PathBuf, serde_json::Map<String, serde_json::Value>) {
    let folder = dir.join("xml");
    std::fs::create_dir_all(&folder).unwrap();
    let path = dir.join("authored.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    let mut lines = String::from(
        "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~EfectoComprobante~Estatus~FechaCancelacion\r\n",
    );
    let mut statuses = serde_json::Map::new();
    for (name, number, xml) in documents() {
        std::fs::write(folder.join(format!("{name}.xml")), &xml).unwrap();
        zip.start_file(format!("{name}.xml"), options).unwrap();
        zip.write_all(xml.as_bytes()).unwrap();
        let cancelled = name == "cancelado";
        let (status, when) = if cancelled { ("0", "2025-04-01 00:00:00") } else { ("1", "") };
        lines += &format!(
            "{}~{RFC}~E~H&E951128469~R~SPR190613I52~2025-03-10 10:00:00~2025-03-10 10:00:30~1.00~I~{status}~{when}\r\n",
            uuid(number).to_uppercase()
        );
        statuses.insert(uuid(number), if cancelled { "Cancelado" } else { "Vigente" }.into());
    }
    zip.start_file("26DA5355-E4BD-57D7-8E8E-B567754A287F_01.txt", options).unwrap();
    zip.write_all(lines.as_bytes()).unwrap();
    zip.finish().unwrap();
    (path, statuses)
}
