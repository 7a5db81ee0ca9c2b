//! Columns back into values, the same for both databases.
//!
//! A stored text that is none of a closed set is an error that names it, never a default.

use fedatario_base::clock::from_millis;
use jiff::Timestamp;
use sqlx::types::Json;
use sqlx::types::JsonRawValue;

/// A value of the model, as a row gives it.
pub(crate) struct Read<T>(pub T);

/// Reads `Read<$type>` from the rows of both databases by one body.
macro_rules! from_row {
    ($type:ty, $row:ident => $body:expr) => {
        from_row!(@one $type, sqlx::sqlite::SqliteRow, $row => $body);
        from_row!(@one $type, sqlx::postgres::PgRow, $row => $body);
    };
    (@one $type:ty, $of:ty, $row:ident => $body:expr) => {
        impl sqlx::FromRow<'_, $of> for $crate::read::Read<$type> {
            fn from_row($row: &$of) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok($crate::read::Read($body))
            }
        }
    };
}
pub(crate) use from_row;

fn odd(text: String) -> sqlx::Error {
    sqlx::Error::Decode(text.into())
}

/// A value of a closed set, by its text.
pub(crate) fn closed<T>(text: &str, from: impl Fn(&str) -> Option<T>) -> sqlx::Result<T> {
    from(text).ok_or_else(|| odd(format!("`{text}` is none of a closed set")))
}

/// The same where there may be none.
pub(crate) fn closed_opt<T>(text: Option<&str>, from: impl Fn(&str) -> Option<T>) -> sqlx::Result<Option<T>> {
    text.map(|it| closed(it, from)).transpose()
}

/// An instant.
pub(crate) fn instant(millis: i64) -> Timestamp {
    from_millis(millis)
}

/// A civil date and time, `yyyy-MM-ddTHH:mm:ss`.
pub(crate) fn civil(text: &str) -> sqlx::Result<jiff::civil::DateTime> {
    text.parse().map_err(|_| odd(format!("`{text}` is no civil date and time")))
}

/// A smaller number than SQL keeps.
pub(crate) fn small<T: TryFrom<i64>>(number: i64) -> sqlx::Result<T> {
    T::try_from(number).map_err(|_| odd(format!("{number} is out of range")))
}

/// Exactly `N` bytes.
pub(crate) fn exactly<const N: usize>(bytes: Vec<u8>) -> sqlx::Result<[u8; N]> {
    let found = bytes.len();
    bytes.try_into().map_err(|_| odd(format!("{N} bytes expected, {found} found")))
}

/// JSON text as it is stored, unparsed.
pub(crate) fn raw(json: Json<Box<JsonRawValue>>) -> String {
    json.0.get().to_owned()
}
