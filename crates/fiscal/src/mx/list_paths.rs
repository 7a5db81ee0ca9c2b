//! What may repeat in a CFDI, its complements and a retención, by namespace and path.
//!
//! Made by `cargo run -p fedatario-xtask -- lists` from SAT's schemas; change the generator, not
//! this file. A path starts at a global element of its namespace. Only names on the way to something
//! that may repeat are here.

/// A name of the schemas: whether its element may repeat, and what matters below it.
#[derive(Debug)]
pub struct Node {
    /// The name without prefix.
    pub name: &'static str,
    /// Whether it, or a group around it, has `maxOccurs` above one.
    pub list: bool,
    /// The names below it that are on the way to a list.
    pub children: &'static [Node],
}

const fn list(name: &'static str, children: &'static [Node]) -> Node {
    Node { name, list: true, children }
}

const fn way(name: &'static str, children: &'static [Node]) -> Node {
    Node { name, list: false, children }
}

/// The global elements of a namespace that lead to a list.
pub fn roots(namespace: &str) -> &'static [Node] {
    TABLE.binary_search_by_key(&namespace, |(it, _)| it).map_or(&[], |place| TABLE[place].1)
}

/// Sorted by namespace, for the search.
#[rustfmt::skip]
static TABLE: &[(&str, &[Node])] = &[
    ("http://www.sat.gob.mx/CartaPorte", &[
        way("CartaPorte", &[
            way("FiguraTransporte", &[
                list("Arrendatario", &[]),
                list("Notificado", &[]),
                list("Operadores", &[
                    list("Operador", &[]),
                ]),
                list("Propietario", &[]),
            ]),
            way("Mercancias", &[
                way("AutotransporteFederal", &[
                    way("Remolques", &[
                        list("Remolque", &[]),
                    ]),
                ]),
                list("Mercancia", &[
                    list("CantidadTransporta", &[]),
                ]),
                way("TransporteFerroviario", &[
                    list("Carro", &[
                        list("Contenedor", &[]),
                    ]),
                    list("DerechosDePaso", &[]),
                ]),
                way("TransporteMaritimo", &[
                    list("Contenedor", &[]),
                ]),
            ]),
            way("Ubicaciones", &[
                list("Ubicacion", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/CartaPorte20", &[
        way("CartaPorte", &[
            way("FiguraTransporte", &[
                list("TiposFigura", &[
                    list("PartesTransporte", &[]),
                ]),
            ]),
            way("Mercancias", &[
                way("Autotransporte", &[
                    way("Remolques", &[
                        list("Remolque", &[]),
                    ]),
                ]),
                list("Mercancia", &[
                    list("CantidadTransporta", &[]),
                    list("GuiasIdentificacion", &[]),
                    list("Pedimentos", &[]),
                ]),
                way("TransporteFerroviario", &[
                    list("Carro", &[
                        list("Contenedor", &[]),
                    ]),
                    list("DerechosDePaso", &[]),
                ]),
                way("TransporteMaritimo", &[
                    list("Contenedor", &[]),
                ]),
            ]),
            way("Ubicaciones", &[
                list("Ubicacion", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/CartaPorte30", &[
        way("CartaPorte", &[
            way("FiguraTransporte", &[
                list("TiposFigura", &[
                    list("PartesTransporte", &[]),
                ]),
            ]),
            way("Mercancias", &[
                way("Autotransporte", &[
                    way("Remolques", &[
                        list("Remolque", &[]),
                    ]),
                ]),
                list("Mercancia", &[
                    list("CantidadTransporta", &[]),
                    list("DocumentacionAduanera", &[]),
                    list("GuiasIdentificacion", &[]),
                ]),
                way("TransporteFerroviario", &[
                    list("Carro", &[
                        list("Contenedor", &[]),
                    ]),
                    list("DerechosDePaso", &[]),
                ]),
                way("TransporteMaritimo", &[
                    list("Contenedor", &[]),
                    way("RemolquesCCP", &[
                        list("RemolqueCCP", &[]),
                    ]),
                ]),
            ]),
            way("Ubicaciones", &[
                list("Ubicacion", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/CartaPorte31", &[
        way("CartaPorte", &[
            way("FiguraTransporte", &[
                list("TiposFigura", &[
                    list("PartesTransporte", &[]),
                ]),
            ]),
            way("Mercancias", &[
                way("Autotransporte", &[
                    way("Remolques", &[
                        list("Remolque", &[]),
                    ]),
                ]),
                list("Mercancia", &[
                    list("CantidadTransporta", &[]),
                    list("DocumentacionAduanera", &[]),
                    list("GuiasIdentificacion", &[]),
                ]),
                way("TransporteFerroviario", &[
                    list("Carro", &[
                        list("Contenedor", &[]),
                    ]),
                    list("DerechosDePaso", &[]),
                ]),
                way("TransporteMaritimo", &[
                    list("Contenedor", &[
                        way("RemolquesCCP", &[
                            list("RemolqueCCP", &[]),
                        ]),
                    ]),
                ]),
            ]),
            way("RegimenesAduaneros", &[
                list("RegimenAduaneroCCP", &[]),
            ]),
            way("Ubicaciones", &[
                list("Ubicacion", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ComercioExterior11", &[
        way("ComercioExterior", &[
            list("Destinatario", &[
                list("Domicilio", &[]),
            ]),
            way("Mercancias", &[
                list("Mercancia", &[
                    list("DescripcionesEspecificas", &[]),
                ]),
            ]),
            list("Propietario", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ComercioExterior20", &[
        way("ComercioExterior", &[
            list("Destinatario", &[
                list("Domicilio", &[]),
            ]),
            way("Mercancias", &[
                list("Mercancia", &[
                    list("DescripcionesEspecificas", &[]),
                ]),
            ]),
            list("Propietario", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ConsumoDeCombustibles11", &[
        way("ConsumoDeCombustibles", &[
            way("Conceptos", &[
                list("ConceptoConsumoDeCombustibles", &[
                    way("Determinados", &[
                        list("Determinado", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/EstadoDeCuentaCombustible", &[
        way("EstadoDeCuentaCombustible", &[
            way("Conceptos", &[
                list("ConceptoEstadoDeCuentaCombustible", &[
                    way("Traslados", &[
                        list("Traslado", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/EstadoDeCuentaCombustible12", &[
        way("EstadoDeCuentaCombustible", &[
            way("Conceptos", &[
                list("ConceptoEstadoDeCuentaCombustible", &[
                    way("Traslados", &[
                        list("Traslado", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/GastosHidrocarburos10", &[
        way("GastosHidrocarburos", &[
            list("Erogacion", &[
                list("Actividades", &[
                    list("SubActividades", &[
                        list("Tareas", &[]),
                    ]),
                ]),
                list("CentroCostos", &[
                    list("Yacimientos", &[
                        list("Pozos", &[]),
                    ]),
                ]),
                list("DocumentoRelacionado", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/IngresosHidrocarburos10", &[
        way("IngresosHidrocarburos", &[
            list("DocumentoRelacionado", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/Pagos", &[
        way("Pagos", &[
            list("Pago", &[
                list("DoctoRelacionado", &[]),
                list("Impuestos", &[
                    way("Retenciones", &[
                        list("Retencion", &[]),
                    ]),
                    way("Traslados", &[
                        list("Traslado", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/Pagos20", &[
        way("Pagos", &[
            list("Pago", &[
                list("DoctoRelacionado", &[
                    way("ImpuestosDR", &[
                        way("RetencionesDR", &[
                            list("RetencionDR", &[]),
                        ]),
                        way("TrasladosDR", &[
                            list("TrasladoDR", &[]),
                        ]),
                    ]),
                ]),
                way("ImpuestosP", &[
                    way("RetencionesP", &[
                        list("RetencionP", &[]),
                    ]),
                    way("TrasladosP", &[
                        list("TrasladoP", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/aerolineas", &[
        way("Aerolineas", &[
            way("OtrosCargos", &[
                list("Cargo", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/cfd/3", &[
        way("Comprobante", &[
            way("CfdiRelacionados", &[
                list("CfdiRelacionado", &[]),
            ]),
            list("Complemento", &[]),
            way("Conceptos", &[
                list("Concepto", &[
                    way("Impuestos", &[
                        way("Retenciones", &[
                            list("Retencion", &[]),
                        ]),
                        way("Traslados", &[
                            list("Traslado", &[]),
                        ]),
                    ]),
                    list("InformacionAduanera", &[]),
                    list("Parte", &[
                        list("InformacionAduanera", &[]),
                    ]),
                ]),
            ]),
            way("Emisor", &[
                list("RegimenFiscal", &[]),
            ]),
            way("Impuestos", &[
                way("Retenciones", &[
                    list("Retencion", &[]),
                ]),
                way("Traslados", &[
                    list("Traslado", &[]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/cfd/4", &[
        way("Comprobante", &[
            list("CfdiRelacionados", &[
                list("CfdiRelacionado", &[]),
            ]),
            way("Conceptos", &[
                list("Concepto", &[
                    list("CuentaPredial", &[]),
                    way("Impuestos", &[
                        way("Retenciones", &[
                            list("Retencion", &[]),
                        ]),
                        way("Traslados", &[
                            list("Traslado", &[]),
                        ]),
                    ]),
                    list("InformacionAduanera", &[]),
                    list("Parte", &[
                        list("InformacionAduanera", &[]),
                    ]),
                ]),
            ]),
            way("Impuestos", &[
                way("Retenciones", &[
                    list("Retencion", &[]),
                ]),
                way("Traslados", &[
                    list("Traslado", &[]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/consumodecombustibles", &[
        way("ConsumoDeCombustibles", &[
            way("Conceptos", &[
                list("ConceptoConsumoDeCombustibles", &[
                    way("Determinados", &[
                        list("Determinado", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/detallista", &[
        way("detallista", &[
            way("AdditionalInformation", &[
                list("referenceIdentification", &[]),
            ]),
            list("Customs", &[]),
            way("DeliveryNote", &[
                list("referenceIdentification", &[]),
            ]),
            list("TotalAllowanceCharge", &[]),
            list("allowanceCharge", &[]),
            list("currency", &[
                list("currencyFunction", &[]),
            ]),
            list("lineItem", &[
                list("Customs", &[]),
                list("aditionalQuantity", &[]),
                list("allowanceCharge", &[]),
                list("alternateTradeItemIdentification", &[]),
                way("extendedAttributes", &[
                    list("lotNumber", &[]),
                ]),
                list("tradeItemTaxInformation", &[]),
            ]),
            way("orderIdentification", &[
                list("referenceIdentification", &[]),
            ]),
            way("shipTo", &[
                way("nameAndAddress", &[
                    list("city", &[]),
                    list("name", &[]),
                    list("postalCode", &[]),
                    list("streetAddressOne", &[]),
                ]),
            ]),
            list("specialInstruction", &[
                list("text", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ecb", &[
        way("EstadoDeCuentaBancario", &[
            way("Movimientos", &[
                list("MovimientoECB", &[]),
                list("MovimientoECBFiscal", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ecc", &[
        way("EstadoDeCuentaCombustible", &[
            way("Conceptos", &[
                list("ConceptoEstadoDeCuentaCombustible", &[
                    way("Traslados", &[
                        list("Traslado", &[]),
                    ]),
                ]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/esquemas/retencionpago/1", &[
        way("Retenciones", &[
            way("Totales", &[
                list("ImpRetenidos", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/esquemas/retencionpago/1/PlataformasTecnologicas10", &[
        way("ServiciosPlataformasTecnologicas", &[
            way("Servicios", &[
                list("DetallesDelServicio", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/esquemas/retencionpago/1/planesderetiro11", &[
        way("Planesderetiro", &[
            list("AportacionesODepositos", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/esquemas/retencionpago/2", &[
        way("Retenciones", &[
            way("Totales", &[
                list("ImpRetenidos", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/implocal", &[
        way("ImpuestosLocales", &[
            list("RetencionesLocales", &[]),
            list("TrasladosLocales", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ine", &[
        way("INE", &[
            list("Entidad", &[
                list("Contabilidad", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/leyendasFiscales", &[
        way("LeyendasFiscales", &[
            list("Leyenda", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/nomina", &[
        way("Nomina", &[
            way("Deducciones", &[
                list("Deduccion", &[]),
            ]),
            way("HorasExtras", &[
                list("HorasExtra", &[]),
            ]),
            way("Incapacidades", &[
                list("Incapacidad", &[]),
            ]),
            way("Percepciones", &[
                list("Percepcion", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/nomina12", &[
        way("Nomina", &[
            way("Deducciones", &[
                list("Deduccion", &[]),
            ]),
            way("Incapacidades", &[
                list("Incapacidad", &[]),
            ]),
            way("OtrosPagos", &[
                list("OtroPago", &[]),
            ]),
            way("Percepciones", &[
                list("Percepcion", &[
                    list("HorasExtra", &[]),
                ]),
            ]),
            way("Receptor", &[
                list("SubContratacion", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/notariospublicos", &[
        way("NotariosPublicos", &[
            way("DatosAdquiriente", &[
                way("DatosAdquirientesCopSC", &[
                    list("DatosAdquirienteCopSC", &[]),
                ]),
            ]),
            way("DatosEnajenante", &[
                way("DatosEnajenantesCopSC", &[
                    list("DatosEnajenanteCopSC", &[]),
                ]),
            ]),
            way("DescInmuebles", &[
                list("DescInmueble", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/renovacionysustitucionvehiculos", &[
        way("renovacionysustitucionvehiculos", &[
            way("DecretoRenovVehicular", &[
                list("VehiculosUsadosEnajenadoPermAlFab", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/spei", &[
        way("Complemento_SPEI", &[
            list("SPEI_Tercero", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/terceros", &[
        way("PorCuentadeTerceros", &[
            way("Impuestos", &[
                way("Retenciones", &[
                    list("Retencion", &[]),
                ]),
                way("Traslados", &[
                    list("Traslado", &[]),
                ]),
            ]),
            list("Parte", &[
                list("InformacionAduanera", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/valesdedespensa", &[
        way("ValesDeDespensa", &[
            way("Conceptos", &[
                list("Concepto", &[]),
            ]),
        ]),
    ]),
    ("http://www.sat.gob.mx/vehiculousado", &[
        way("VehiculoUsado", &[
            list("InformacionAduanera", &[]),
        ]),
    ]),
    ("http://www.sat.gob.mx/ventavehiculos", &[
        way("VentaVehiculos", &[
            list("InformacionAduanera", &[]),
            list("Parte", &[
                list("InformacionAduanera", &[]),
            ]),
        ]),
    ]),
];
