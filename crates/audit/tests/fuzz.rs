//! The bodies of the fuzz targets over seeded mutations of an export, its note and a key.

mod common;

use common::{Signer, TENANT, chain, checkpoint, export};
use fedatario_audit::fuzz;
use fedatario_testkit::covers;
use fedatario_testkit::storm;

/// Mutations of each sample.
const ROUNDS: usize = 1_000;

#[test]
fn what_a_stranger_makes_of_an_export_breaks_no_promise() {
    let signer = Signer::new(3);
    let chain = chain(TENANT, 5, 11);
    let (export, key) = (export(&chain, &signer), signer.key.clone());
    let note = signer.sign(&checkpoint(&chain, 5));
    let mut tried = storm::over("export", &[export], ROUNDS, fuzz::export);
    tried += storm::over("note", &[note.into_bytes()], ROUNDS, fuzz::note);
    tried += storm::over("public_key", &[key.to_string().into_bytes()], ROUNDS, fuzz::public_key);
    assert!(tried > 3 * ROUNDS);
    covers!("audit: seeded mutations of exports, notes and keys break no promise of their readers");
}
