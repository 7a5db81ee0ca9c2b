//! What a bucket's answer means, in words of ours.
//!
//! Nothing of a request is repeated but the path: an answer of a server may quote the signature and
//! what was signed. The server's own code is kept beside ours.

use fedatario_app::ports::BlobError;
use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error;

/// The longest code that a server may name, in bytes: AWS's longest have some fifty.
const CODE_BYTES_AT_MOST: usize = 80;

/// How the client's text begins the status, and how it says a redirect that leads nowhere.
const STATUS_BEFORE: &str = "non-2xx status code: ";
const BARE_REDIRECT: &str = "redirect without LOCATION";

/// Refusals that no repetition mends: somebody has to correct a key, a clock, a name or a right.
const REFUSALS: [&str; 14] = [
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "InvalidToken",
    "KMS.DisabledException",
    "KMS.NotFoundException",
    "NoSuchBucket",
    "PermanentRedirect",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// The fault of one operation on one path.
pub(crate) fn fault(operation: &str, path: &str, error: &object_store::Error) -> BlobError {
    // The client keeps status and body to itself, but for its text.
    let said = error.to_string();
    let code = server_code(&said);
    let Some(status) = status(error, &said) else { return without_answer(operation, path, error, &said) };
    let text = match code {
        Some(code) => format!("{operation} {path}: HTTP {status} {code}{}", hint(code)),
        None => format!("{operation} {path}: HTTP {status}"),
    };
    match (status, code) {
        (_, Some(code)) if REFUSALS.contains(&code) => BlobError::Refused(text),
        // A 404 of anything between us and the server says nothing about the object.
        (404, Some("NoSuchKey")) => BlobError::NotFound,
        (301 | 307 | 400 | 401 | 403 | 405 | 501, _) => BlobError::Refused(text),
        _ => BlobError::Unavailable(text),
    }
}

/// The status of the answer that ended the request, if there was one.
fn status(error: &object_store::Error, said: &str) -> Option<u16> {
    match error {
        object_store::Error::NotFound { .. } => Some(404),
        object_store::Error::PermissionDenied { .. } => Some(403),
        object_store::Error::Unauthenticated { .. } => Some(401),
        object_store::Error::Precondition { .. } => Some(412),
        object_store::Error::AlreadyExists { .. } => Some(409),
        _ => {
            let (_, rest) = said.split_once(STATUS_BEFORE)?;
            rest.get(..3)?.parse().ok()
        }
    }
}

/// The connection failed, a body broke off, or the answer could not be understood.
fn without_answer(operation: &str, path: &str, error: &object_store::Error, said: &str) -> BlobError {
    if said.contains(BARE_REDIRECT) {
        return BlobError::Refused(format!("{operation} {path}: redirected; the region may be another"));
    }
    let why = match (within::<HttpError>(error), server_code(said)) {
        (Some(error), _) => connection(error).to_owned(),
        (None, Some(code)) => code.to_owned(), // An error inside a good status, as copies may have.
        (None, None) => "the answer could not be understood".to_owned(),
    };
    BlobError::Unavailable(format!("{operation} {path}: {why}"))
}

fn connection(error: &HttpError) -> &'static str {
    match error.kind() {
        HttpErrorKind::Connect => "the server cannot be reached",
        HttpErrorKind::Timeout => "the server did not answer in time",
        HttpErrorKind::Interrupted => "the connection broke off",
        _ => "the exchange failed",
    }
}

fn hint(code: &str) -> &'static str {
    match code {
        "RequestTimeTooSkewed" => " (this machine's clock and the server's differ)",
        "NoSuchBucket" => " (the bucket does not exist)",
        "SignatureDoesNotMatch" => " (the secret key is another)",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => " (the region may be another)",
        _ => "",
    }
}

fn within<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut error = Some(error);
    while let Some(it) = error {
        if let Some(found) = it.downcast_ref() {
            return Some(found);
        }
        error = it.source();
    }
    None
}

/// What stands between `<Code>` and `</Code>`, if it looks like a code.
fn server_code(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'.';
    (code.len() <= CODE_BYTES_AT_MOST && code.bytes().all(allowed)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::server_code;

    #[test]
    fn only_what_looks_like_a_code_is_repeated() {
        let cases = [
            ("<Error><Code>AccessDenied</Code><StringToSign>secret</StringToSign></Error>", Some("AccessDenied")),
            ("<Error><Code>KMS.NotFoundException</Code></Error>", Some("KMS.NotFoundException")),
            ("<Code></Code>", Some("")),
            ("<Code>a b</Code>", None),
            ("<Code>open", None),
            ("<html>502</html>", None),
        ];
        for (body, expected) in cases {
            assert_eq!(server_code(body), expected, "{body}");
        }
        assert_eq!(server_code(&format!("<Code>{}</Code>", "x".repeat(81))), None);
    }
}
