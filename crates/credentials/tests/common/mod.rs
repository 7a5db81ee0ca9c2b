//! What the tests of this crate share: minted pairs, the openssl judge, a seeded generator.
#![allow(dead_code, reason = "each test binary uses its part")]

use fedatario_base::Secret;
use fedatario_credentials::Kind;
use fedatario_credentials::mint::{Authority, Country, Minted, Person, Subject};
use jiff::Timestamp;
use std::path::Path;
use std::process::Command;

pub const NOW: &str = "2026-09-01T12:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 instant")
}

pub fn company() -> Subject {
    Subject {
        rfc: "EKU9003173C9".into(),
        representative_rfc: Some("VADA800927DJ3".into()),
        name: "ESCUELA KEMPER URGATE SA DE CV".into(),
        curp: Some("VADA800927HSRSRL05".into()),
        branch: None,
    }
}

pub fn person() -> Subject {
    Subject {
        rfc: "IAÑL750210963".into(),
        representative_rfc: None,
        name: "LUIS IAN ÑUZCO".into(),
        curp: Some("IANL750210HSRNZS09".into()),
        branch: Some("Matriz & Cía".into()),
    }
}

pub fn authority() -> Authority {
    Authority::generate("AC DE PRUEBA", at(NOW)).expect("a fresh authority")
}

pub fn issue(authority: &Authority, subject: &Subject, kind: Kind) -> Minted {
    let (from, to) = (at("2025-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z"));
    authority.issue(subject, kind, "30001000000500003415", from, to).expect("a fresh certificate")
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes())
}

/// Runs openssl in `folder`; a machine without it, or a refusal, fails the test.
pub fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().expect("openssl is installed");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// xorshift64*: the same mutations on every run and machine.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    /// One to four edits: flip, set, delete, duplicate, truncate.
    pub fn mutate(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                break;
            }
            // Half of the edits hit the head, where the structure is.
            let reach = if self.below(2) == 0 { bytes.len().min(96) } else { bytes.len() };
            let place = self.below(reach);
            match self.below(6) {
                0 => bytes[place] ^= 1 << self.below(8),
                1 => bytes[place] = [0x00, 0x7f, 0x80, 0xff, 0x30, 0x84][self.below(6)],
                2 => drop(bytes.remove(place)),
                3 => bytes.insert(place, bytes[place]),
                4 => bytes.truncate(place),
                _ => bytes[place] = self.below(256) as u8,
            }
        }
        bytes
    }
}

pub fn dominican() -> Person {
    Person::Dominican { document: "00199999996".into(), given_name: "PEDRO".into(), surname: "PÉREZ MARTÍNEZ".into() }
}

pub fn panamanian() -> Person {
    Person::Panamanian {
        ruc: "155596713-2-2015".into(),
        dv: "59".into(),
        legal_name: "COMERCIAL ÑANDÚ, S.A.".into(),
        given_name: "JUAN".into(),
        surname: "PITTÍ".into(),
        cedula: "8-442-445".into(),
    }
}

pub fn authority_in(country: Country) -> Authority {
    Authority::generate_in(country, "AUTORIDAD DE PRUEBA", at(NOW)).expect("a fresh authority")
}

pub fn issue_to(authority: &Authority, person: &Person) -> Minted {
    authority.issue_to(person, at("2025-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z")).expect("a fresh certificate")
}
