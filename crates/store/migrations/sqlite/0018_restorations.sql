-- Whether a tenant lets its key material out at all, encrypted; without a row it does not.
create table vault_policies (
    tenant_id blob not null primary key references tenants (id),
    backups integer not null,
    changed_by text not null,
    changed_ms integer not null
) strict;

-- Backups of key material that somebody asked for, and what became of them. The file is made when it is
-- taken and kept nowhere.
create table vault_backups (
    tenant_id blob not null references tenants (id),
    id blob not null,
    state text not null,
    -- One credential, or all of them.
    credential_id blob,
    reason text not null,
    asked_by text not null,
    asked_ms integer not null,
    -- From when it can be taken without a second person: only where there is none.
    due_ms integer,
    expires_ms integer not null,
    approved_by text,
    approved_ms integer,
    -- Who took it or called it off.
    ended_by text,
    ended_ms integer,
    -- SHA-256 of the file that was taken.
    digest blob,
    primary key (tenant_id, id)
) strict;
-- One at a time: nobody overlooks the second among many.
create unique index vault_backups_open on vault_backups (tenant_id) where state in ('asked', 'waiting', 'approved');
