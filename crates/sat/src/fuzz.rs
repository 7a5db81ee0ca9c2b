//! The bodies of the fuzz targets: whatever a server, or somebody in its place, answers. Each panics
//! when a promise is broken, and only then.

use crate::download::{MAX_PACKAGE_BYTES, Splitter};
use crate::envelope::Operation;
use crate::reply::{self, Reply, Respuesta};
use crate::{NoAnswer, Token};

/// Longest code that is kept, as the readers promise.
const CODE_CHARS: usize = 64;

/// Every reader of answers takes it or says why not; what it takes is bounded.
pub fn answer(bytes: &[u8]) {
    for operation in [Operation::Emitidos, Operation::Recibidos, Operation::Folio] {
        if let Ok(Reply::Result(it)) = reply::asked(operation, bytes) {
            assert!(!it.cod_estatus.is_empty() && it.cod_estatus.chars().count() <= CODE_CHARS);
            assert!(it.id_solicitud.is_none_or(|id| !id.is_empty() && id.len() <= 256));
        }
    }
    if let Ok(Reply::Result(it)) = reply::verified(bytes) {
        assert!(!it.cod_estatus.is_empty() && it.packages.iter().all(|id| !id.is_empty() && id.len() <= 256));
    }
    if let Ok(Reply::Result(it)) = reply::login(bytes) {
        assert!(it.lifetime.is_positive() && !it.token.is_empty());
        assert!(Token::new(it.token, jiff::Timestamp::UNIX_EPOCH).header().is_some(), "a token that fits no header");
    }
    if let Ok(fault) = reply::fault(bytes) {
        assert!(fault.code.chars().count() <= CODE_CHARS);
    }
}

/// A download says the same however it was cut into pieces, and never more than was sent.
pub fn download(bytes: &[u8]) {
    let whole = in_pieces(bytes, bytes.len().max(1));
    for piece in [1, 7, 64] {
        assert_eq!(in_pieces(bytes, piece), whole, "in pieces of {piece}");
    }
    if let Ok((_, package)) = whole {
        assert!(package.len() <= bytes.len());
    }
}

/// What was answered, without the reasons: where a mistake is noticed may depend on the pieces.
fn in_pieces(bytes: &[u8], piece: usize) -> Result<(Option<Respuesta>, Vec<u8>), ()> {
    let read = || -> Result<_, NoAnswer> {
        let (mut splitter, mut out) = (Splitter::new(MAX_PACKAGE_BYTES), Vec::new());
        for part in bytes.chunks(piece) {
            splitter.push(part, &mut out)?;
        }
        match splitter.finish()? {
            Reply::Result(it) => Ok((Some(it), out)),
            Reply::Fault(_) => Ok((None, out)),
        }
    };
    read().map_err(|_| ())
}

/// A session that was kept thaws to what was frozen, or to nothing.
pub fn session(bytes: &[u8]) {
    if let Some(token) = Token::thaw(bytes) {
        assert_eq!(Token::thaw(token.freeze().expose()), Some(token));
    }
}
