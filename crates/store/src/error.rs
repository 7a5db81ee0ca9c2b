//! What a failed statement means to the services.

use fedatario_app::ports::StoreError;
use fedatario_upstream::PortError;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::MigrateError;

/// The error of a statement. Texts never hold bound values.
pub(crate) fn stored(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::RowNotFound => StoreError::NotFound,
        sqlx::Error::Database(error) => refused(error.as_ref()),
        sqlx::Error::ColumnDecode { index, source } => StoreError::Corrupt(format!("column {index}: {source}")),
        sqlx::Error::Decode(source) => StoreError::Corrupt(source.to_string()),
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// PostgreSQL's words for a transaction that lost to another one and may simply be made again:
/// `serialization_failure` and `deadlock_detected`.
const MADE_AGAIN: [&str; 2] = ["40001", "40P01"];

/// A reference to a row that is not there, or not this tenant's, is *not found*; busy databases,
/// deadlocks and lost connections may be tried again.
fn refused(error: &dyn DatabaseError) -> StoreError {
    let text = error.message().to_owned();
    if error.code().is_some_and(|it| MADE_AGAIN.contains(&it.as_ref())) {
        return StoreError::Unavailable(format!("another transaction came first: {text}"));
    }
    match error.kind() {
        ErrorKind::UniqueViolation => StoreError::Conflict(text),
        ErrorKind::ForeignKeyViolation => StoreError::NotFound,
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => StoreError::Corrupt(text),
        _ => StoreError::Unavailable(text),
    }
}

/// The error of a migration.
pub(crate) fn migrated(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooOld(..) => StoreError::SchemaNewer,
        MigrateError::VersionMismatch(version) => StoreError::Corrupt(format!("migration {version} is not the one applied")),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => stored(error),
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// The same, as the engine sees it.
pub(crate) fn port(error: StoreError) -> PortError {
    PortError::caused(error.code(), "storage failed", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_from_the_future_is_named() {
        assert!(matches!(migrated(MigrateError::VersionMissing(9)), StoreError::SchemaNewer));
        assert!(matches!(migrated(MigrateError::VersionMismatch(1)), StoreError::Corrupt(_)));
        assert!(matches!(stored(sqlx::Error::PoolTimedOut), StoreError::Unavailable(_)));
        assert!(matches!(stored(sqlx::Error::RowNotFound), StoreError::NotFound));
    }
}
