-- Whether a tenant lets its key material out at all, encrypted; without a row it does not.
create table vault_policies (
    tenant_id uuid not null primary key references tenants (id),
    backups boolean not null,
    changed_by text collate "C" not null,
    changed_ms bigint not null
);

-- Backups of key material that somebody asked for, and what became of them. The file is made when it is
-- taken and kept nowhere.
create table vault_backups (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    state text collate "C" not null,
    -- One credential, or all of them.
    credential_id uuid,
    reason text not null,
    asked_by text collate "C" not null,
    asked_ms bigint not null,
    -- From when it can be taken without a second person: only where there is none.
    due_ms bigint,
    expires_ms bigint not null,
    approved_by text collate "C",
    approved_ms bigint,
    -- Who took it or called it off.
    ended_by text collate "C",
    ended_ms bigint,
    -- SHA-256 of the file that was taken.
    digest bytea,
    primary key (tenant_id, id)
);
-- One at a time: nobody overlooks the second among many.
create unique index vault_backups_open on vault_backups (tenant_id) where state in ('asked', 'waiting', 'approved');

-- The second lock: each row is there for its tenant alone.
select fedatario_lock(it::regclass) from unnest(array['vault_policies', 'vault_backups']) as it;
