//! The parts of a document's JSON that amounts are read from.
//!
//! Bodies are large: seals, certificates, addenda and complements without amounts outweigh the rest.
//! Only the elements that the books need are taken, everything else is passed over without being
//! built; names are compared without prefix, attributes without regard to case, because version 3.2
//! wrote them small. What nests deeper than the JSON reader goes is refused, never half read.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Elements that are taken, by their names without prefix.
const TAKEN: &[&str] = &[
    "Complemento",
    "Comprobante",
    "Concepto",
    "Conceptos",
    "Deduccion",
    "Deducciones",
    "DoctoRelacionado",
    "Emisor",
    "Extranjero",
    "ImpRetenidos",
    "Impuestos",
    "ImpuestosLocales",
    "ImpuestosP",
    "InformacionGlobal",
    "Nacional",
    "Nomina",
    "Pago",
    "Pagos",
    "Receptor",
    "Retencion",
    "RetencionP",
    "Retenciones",
    "RetencionesP",
    "TimbreFiscalDigital",
    "Totales",
    "Traslado",
    "TrasladoP",
    "Traslados",
    "TrasladosP",
];

/// Attributes that are long and hold no amount.
const LEFT_OUT: &[&str] = &["Sello", "sello", "Certificado", "certificado", "SelloCFD", "selloCFD", "SelloSAT", "selloSAT"];

/// An element with what was taken of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element<'a> {
    name: Cow<'a, str>,
    attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    children: Vec<Element<'a>>,
}

impl<'a> Element<'a> {
    /// Reads the root of a document from its JSON; an error says why it cannot be.
    pub fn read(json: &'a str) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let mut outer = Taking(Cow::Borrowed("")).deserialize(&mut reader)?;
        reader.end()?;
        let root = outer.pop().and_then(|it| it.children.into_iter().next());
        root.ok_or_else(|| serde::de::Error::custom("neither Comprobante nor Retenciones"))
    }

    /// Its name without prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An attribute, its name in any case; blanks around the value are removed.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The children of a name.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Element<'a>> {
        self.children.iter().filter(move |it| it.name == name)
    }

    /// The first child of a name.
    pub fn child(&self, name: &str) -> Option<&Element<'a>> {
        self.children.iter().find(|it| it.name == name)
    }

    /// What lies at the end of a path of names, each of them repeated or not.
    pub fn below<'s>(&'s self, path: &[&str]) -> Vec<&'s Element<'a>> {
        let Some((first, rest)) = path.split_first() else { return vec![self] };
        self.children.iter().filter(|it| it.name == *first).flat_map(|it| it.below(rest)).collect()
    }
}

fn local(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.split_once(':').map_or(name, |(_, local)| local)),
        Cow::Owned(name) => Cow::Owned(name.split_once(':').map_or(name.as_str(), |(_, local)| local).to_owned()),
    }
}

/// Takes what stands under one key: one element, or a list of them.
struct Taking<'a>(Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Taking<'de> {
    type Value = Vec<Element<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Taking<'de> {
    type Value = Vec<Element<'de>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an element or a list of elements")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(vec![Element { name: self.0, ..Element::default() }])
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(mut some) = list.next_element_seed(Taking(self.0.clone()))? {
            found.append(&mut some);
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut element = Element { name: self.0, ..Element::default() };
        while let Some(Text(key)) = map.next_key()? {
            if let Some(name) = attribute(&key) {
                let Text(value) = map.next_value()?;
                element.attributes.push((name, value));
            } else if !key.starts_with(['@', '#']) && TAKEN.contains(&local(key.clone()).as_ref()) {
                element.children.append(&mut map.next_value_seed(Taking(local(key)))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(vec![element])
    }
}

/// The name of an attribute that is taken: without prefix, and not one of the long ones.
fn attribute<'a>(key: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let name = match key {
        Cow::Borrowed(key) => Cow::Borrowed(key.strip_prefix('@')?),
        Cow::Owned(key) => Cow::Owned(key.strip_prefix('@')?.to_owned()),
    };
    let taken = !name.contains(':') && !name.starts_with("xmlns") && !LEFT_OUT.contains(&name.as_ref());
    taken.then_some(name)
}

/// A text, borrowed from the JSON where nothing in it was escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Text<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_taken_whatever_its_prefix_and_case() {
        let json = r##"{"c:Comprobante":{"@xmlns:c":"u","@subTotal":" 1.0 ","@Sello":"x","c:Addenda":{"a":[[[{}]]]},
            "c:Conceptos":{"c:Concepto":[{"@Descripcion":"\"a\""},{"@Descripcion":"b"}]},"c:Complemento":null,"#text":"t"}}"##;
        let root = Element::read(json).unwrap();
        assert_eq!(root.name(), "Comprobante");
        assert_eq!(root.text("SubTotal"), Some("1.0"));
        assert_eq!(root.text("Sello"), None);
        let said: Vec<_> = root.below(&["Conceptos", "Concepto"]).iter().filter_map(|it| it.text("descripcion")).collect();
        assert_eq!(said, ["\"a\"", "b"]);
        assert!(root.child("Complemento").is_some() && root.child("Addenda").is_none());
    }

    #[test]
    fn what_is_no_document_is_an_error_and_depth_is_bounded() {
        let deep = |name: &str| format!("{}1{}", format!("{{\"{name}\":").repeat(5_000), "}".repeat(5_000));
        for json in ["", "1", "{}", "[]", r#"{"x":1}"#, r#"{"Comprobante":{}} x"#, &deep("Pagos")] {
            assert!(Element::read(json).is_err(), "{}", &json[..json.len().min(60)]);
        }
        // What is passed over may be as deep as it likes.
        let json = format!(r#"{{"Comprobante":{{"@Total":"1","Addenda":{}}}}}"#, deep("x"));
        assert_eq!(Element::read(&json).unwrap().text("total"), Some("1"));
    }
}
