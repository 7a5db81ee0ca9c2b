//! SAT's codes as data: the whole table, what is unknown, and how an answer is decided.

use fedatario_fiscal::mx::sat_codes::*;
use fedatario_testkit::{covers, fixtures_or_skip};
use std::collections::BTreeSet;

#[test]
fn a_code_means_one_thing_in_one_answer() {
    let mut seen = BTreeSet::new();
    for fact in FACTS {
        for operation in fact.operations {
            assert!(seen.insert((*operation, fact.code)), "{operation:?} {}", fact.code);
        }
        assert!(fact.es.len() > 10 && fact.en.len() > 10, "{}", fact.code);
    }
    covers!("SAT codes: one meaning for each code in each answer, in Spanish and English");
}

/// The table of codes by operation, as SAT's documents and the field have it.
#[test]
fn every_code_has_its_reaction() {
    use Reaction::*;
    let rows: &[(&str, [Option<Reaction>; 5])] = &[
        ("300", [Some(Reauthenticate), Some(Reauthenticate), Some(Reauthenticate), None, Some(Reauthenticate)]),
        ("301", [Some(Permanent), Some(Permanent), Some(Permanent), None, Some(Permanent)]),
        ("302", [Some(Permanent), Some(Permanent), Some(Permanent), None, Some(Permanent)]),
        ("303", [Some(Permanent), Some(Permanent), Some(Permanent), None, Some(Permanent)]),
        ("304", [Some(BlockCredential), Some(BlockCredential), Some(BlockCredential), None, Some(BlockCredential)]),
        ("305", [Some(BlockCredential), Some(BlockCredential), Some(BlockCredential), None, Some(BlockCredential)]),
        ("404", [Some(Uncertain), Some(Uncertain), Some(RetryLater), Some(AskAgain), None]),
        ("5000", [Some(Accepted); 5]),
        ("5001", [Some(Permanent), Some(Permanent), None, Some(Permanent), None]),
        ("5002", [Some(NextVariant), Some(Permanent), None, Some(NextVariant), None]),
        ("5003", [None, None, Some(Split), Some(Split), None]),
        ("5004", [None, Some(Empty), Some(AskAgain), Some(Empty), Some(AskAgain)]),
        ("5005", [Some(ReuseActive), None, None, Some(ReuseActive), None]),
        ("5006", [Some(Uncertain), Some(Uncertain), Some(RetryLater), None, None]),
        ("5007", [None, None, None, None, Some(AskAgain)]),
        ("5008", [None, None, None, None, Some(AskAgain)]),
        ("5010", [None, None, None, Some(Unknown), None]),
        ("5011", [None, Some(RetryLater), Some(RetryLater), Some(RetryLater), None]),
        ("5012", [None, Some(Permanent), None, None, None]),
    ];
    for (code, expected) in rows {
        for (operation, expected) in Operation::ALL.into_iter().zip(expected) {
            assert_eq!(fact(operation, code).map(|it| it.reaction), *expected, "{operation:?} {code}");
        }
    }
    let known: BTreeSet<&str> = FACTS.iter().map(|it| it.code).collect();
    assert_eq!(known, rows.iter().map(|it| it.0).collect());
    covers!("SAT codes: every code of the reference in every operation, with its reaction");
}

#[test]
fn what_is_not_known_is_neither_success_nor_failure() {
    for code in ["", "5009", "5013", "abc", "50000", "５０００"] {
        for operation in Operation::ALL {
            assert_eq!(reaction(operation, code), Reaction::Unknown, "{operation:?} {code}");
        }
        for estado in (-1..9).map(|it| Some(EstadoSolicitud::from(it))).chain([None]) {
            assert_eq!(standing(code, estado, Some("5000"), 1), Standing::Unexplained);
        }
    }
    for (text, expected) in
        [("7", Some(EstadoSolicitud::Unknown(7))), ("-1", Some(EstadoSolicitud::Unknown(-1))), ("x", None), ("", None)]
    {
        assert_eq!(EstadoSolicitud::parse(text), expected);
    }
    (0..7).for_each(|it| assert_eq!(EstadoSolicitud::from(it).number(), it));
    covers!("SAT codes: unknown codes and states are kept and never taken for success");
}

#[test]
fn an_answer_is_decided_by_code_then_state_then_reason() {
    use EstadoSolicitud::*;
    let cases = [
        (("5000", Some(Aceptada), Some("5000"), 0), Standing::Pending),
        (("5000", Some(EnProceso), Some("5000"), 0), Standing::Pending),
        (("5000", Some(Terminada), Some("5000"), 3), Standing::Ready),
        (("5000", Some(Terminada), Some("5010"), 1), Standing::Ready),
        (("5000", Some(Terminada), Some("9999"), 1), Standing::Ready),
        (("5000", Some(Terminada), None, 1), Standing::Ready),
        (("5000", Some(Terminada), Some("5000"), 0), Standing::Unexplained),
        (("5000", Some(Terminada), Some("5004"), 0), Standing::Empty),
        (("5000", Some(Error), Some("404"), 0), Standing::Failed),
        (("5000", Some(Rechazada), Some("5004"), 0), Standing::Empty),
        (("5000", Some(Rechazada), Some("5003"), 0), Standing::TooLarge),
        (("5000", Some(Rechazada), Some("5002"), 0), Standing::Rejected(Reaction::NextVariant)),
        (("5000", Some(Rechazada), Some("5005"), 0), Standing::Rejected(Reaction::ReuseActive)),
        (("5000", Some(Rechazada), Some("5000"), 0), Standing::Rejected(Reaction::Unknown)),
        (("5000", Some(Rechazada), Some("5010"), 0), Standing::Rejected(Reaction::Unknown)),
        (("5000", Some(Rechazada), None, 0), Standing::Rejected(Reaction::Unknown)),
        (("5000", Some(Vencida), Some("5000"), 1), Standing::Expired),
        (("5000", Some(Ninguno), None, 0), Standing::Unexplained),
        (("5000", Some(Unknown(9)), Some("5000"), 1), Standing::Unexplained),
        (("5000", None, None, 0), Standing::Unexplained),
        (("300", Some(Ninguno), None, 0), Standing::CallFailed(Reaction::Reauthenticate)),
        (("305", Some(Ninguno), None, 0), Standing::CallFailed(Reaction::BlockCredential)),
        (("404", Some(Ninguno), None, 0), Standing::CallFailed(Reaction::RetryLater)),
        (("5004", Some(Ninguno), None, 0), Standing::CallFailed(Reaction::AskAgain)),
        (("5003", Some(Rechazada), None, 0), Standing::TooLarge),
    ];
    for ((code, estado, reason, packages), expected) in cases {
        assert_eq!(standing(code, estado, reason, packages), expected, "{code} {estado:?} {reason:?} {packages}");
    }
    covers!("Verifica: decided by CodEstatus, then state, then reason");
}

/// The derived answers carry words and codes that the table knows.
#[test]
fn the_published_answers_are_explained() {
    let root = fixtures_or_skip!();
    let folder = root.join("mx/soap/derived");
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let operation = match name.split('-').next().unwrap() {
            "solicita" if name.contains("folio") => Operation::Folio,
            "solicita" => Operation::Solicita,
            "verifica" => Operation::Verifica,
            "descargar" => Operation::Descargar,
            _ => continue,
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let attribute =
            |name: &str| text.split_once(&format!(" {name}=\"")).map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
        let code = attribute("CodEstatus").unwrap();
        assert!(fact(operation, &code).is_some(), "{name}: {code}");
        if let Some(reason) = attribute("CodigoEstadoSolicitud") {
            assert!(fact(Operation::VerificaReason, &reason).is_some(), "{name}: {reason}");
        }
        if let Some(estado) = attribute("EstadoSolicitud") {
            assert!(!matches!(EstadoSolicitud::parse(&estado), None | Some(EstadoSolicitud::Unknown(_))), "{name}");
        }
        read += 1;
    }
    assert_eq!(read, 21);
    covers!("SAT codes: the published answers are explained");
}
