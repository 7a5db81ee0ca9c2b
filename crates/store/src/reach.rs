//! How far one transaction reaches on PostgreSQL: row-level security, the second lock behind `Scope`.
//!
//! Every statement names its tenant; the server checks it once more. A transaction begins by saying
//! for whom it is, with settings that end with it, so that nothing is left on a connection that goes
//! back to the pool; a transaction that says nothing sees no row of anybody's. Migration 0008 holds the
//! policies, [`Db::migrate`] locks every table that they do not name, and a role for which the server
//! would not apply them is refused.
//!
//! On SQLite there are neither roles nor policies: there the statement alone decides.

use crate::db::{Db, Pools};
use crate::error::stored;
use fedatario_app::ports::{StoreError, Stored};
use sqlx::PgPool;
use uuid::Uuid;

/// Whose rows a transaction may see and touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of one tenant.
    Tenant(Uuid),
    /// Jobs, schedules, wrapped keys and the list of tenants, across tenants: the installation's own
    /// hands (`SystemScope`). No document, no credential, no chain.
    System,
    /// People, how they come in, and the list of tenants (`PlatformScope`). Nothing that a tenant owns.
    Platform,
    /// What belongs to no tenant.
    Nobody,
}

impl Reach {
    fn text(self) -> &'static str {
        match self {
            Reach::Tenant(_) => "tenant",
            Reach::System => "system",
            Reach::Platform => "platform",
            Reach::Nobody => "nobody",
        }
    }

    /// The statements that begin a transaction of this reach; one round trip. Both values are ours: a
    /// word of this module and the digits of an id.
    pub(crate) fn begin(self, begin: &str) -> String {
        let tenant = match self {
            Reach::Tenant(id) => id.to_string(),
            _ => String::new(),
        };
        format!("{begin}; set local fedatario.reach = '{}'; set local fedatario.tenant = '{tenant}'", self.text())
    }
}

/// Roles that this session is, or may become, for which the server applies no policy.
const UNBOUND: &str = "select rolname::text from pg_roles where (rolsuper or rolbypassrls) \
     and (rolname in (current_user, session_user) or pg_has_role(session_user, oid, 'member')) order by 1";

/// Tables of tenants on which the second lock is missing (not enabled, not forced upon the owner too,
/// without a policy), and views that would look with their owner's eyes. A table is a tenant's if it
/// has a `tenant_id` and lies where `tenants` lies.
const UNLOCKED: &str = "with home as (select relnamespace as id from pg_class where oid = to_regclass('tenants')) \
     select c.relname::text from pg_class c, home where c.relnamespace = home.id and c.relkind in ('r', 'p') \
       and (c.relname = 'tenants' or exists (select 1 from pg_attribute a \
         where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)) \
       and not (c.relrowsecurity and c.relforcerowsecurity and exists (select 1 from pg_policy p where p.polrelid = c.oid)) \
     union all \
     select c.relname::text from pg_class c, home where c.relnamespace = home.id and c.relkind in ('v', 'm') \
       and not coalesce(c.reloptions @> array['security_invoker=true'], false) \
     order by 1";

impl Db {
    /// Refuses a PostgreSQL on which row-level security would be void: a session that is, or may
    /// become, a superuser or a role with BYPASSRLS.
    pub(crate) async fn refuse_unbound_roles(&self) -> Stored<()> {
        let Pools::Pg(pool) = &self.0 else { return Ok(()) };
        match names(pool, UNBOUND).await?.as_slice() {
            [] => Ok(()),
            roles => Err(StoreError::Unprotected(format!(
                "PostgreSQL applies no row-level security to {}: connect as a role that is neither superuser nor BYPASSRLS, \
                 nor a member of one",
                roles.join(", ")
            ))),
        }
    }

    /// Refuses a PostgreSQL whose tables are not locked, whoever unlocked them.
    pub(crate) async fn refuse_unlocked_tables(&self) -> Stored<()> {
        let Pools::Pg(pool) = &self.0 else { return Ok(()) };
        match names(pool, UNLOCKED).await?.as_slice() {
            [] => Ok(()),
            tables => Err(StoreError::Unprotected(format!("no forced row-level security on {}", tables.join(", ")))),
        }
    }

    /// Locks what a migration made and said nothing of, to its tenant alone.
    pub(crate) async fn lock_tables(&self) -> Stored<()> {
        let Pools::Pg(pool) = &self.0 else { return Ok(()) };
        sqlx::query("select fedatario_lock_all()").execute(pool).await.map(|_| ()).map_err(stored)
    }
}

async fn names(pool: &PgPool, sql: &'static str) -> Stored<Vec<String>> {
    sqlx::query_scalar(sql).fetch_all(pool).await.map_err(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_says_for_whom_it_is() {
        let id = Uuid::from_u128(7);
        let begun = Reach::Tenant(id).begin("begin");
        assert_eq!(
            begun,
            "begin; set local fedatario.reach = 'tenant'; set local fedatario.tenant = '00000000-0000-0000-0000-000000000007'"
        );
        for reach in [Reach::System, Reach::Platform, Reach::Nobody] {
            assert!(reach.begin("begin").ends_with("set local fedatario.tenant = ''"), "{reach:?} is for no tenant");
        }
    }
}
