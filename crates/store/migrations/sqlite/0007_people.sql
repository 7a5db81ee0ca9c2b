-- Organisations in their whole life, the roles that they define, whom they invite, and the keys of programs.

-- `active`; `suspended`: nobody comes in and no job runs; `leaving`: the same, and its data will be
-- destroyed; `gone`: destroyed.
alter table tenants add column state text not null default 'active';
-- Why it is in that state, in the words of whoever put it there.
alter table tenants add column reason text;
alter table tenants add column changed_ms integer not null default 0;
-- Who asked for the deletion, who confirmed it, and when it may happen at the earliest.
alter table tenants add column leaving_by text;
alter table tenants add column leaving_confirmed_by text;
alter table tenants add column leaves_ms integer;
-- A reason why nothing of it may be destroyed; none if it may.
alter table tenants add column legal_hold text;
alter table tenants add column revision integer not null default 0;
create index tenants_leaving on tenants (leaves_ms) where state = 'leaving';

-- Roles that a tenant defined beside the built-in ones.
create table roles (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    description text not null,
    -- Texts of permissions with blanks between them.
    permissions text not null,
    created_ms integer not null,
    created_by text not null,
    revision integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, name)
) strict;

create table invitations (
    tenant_id blob not null references tenants (id),
    id blob not null,
    email text not null,
    language text not null,
    -- Names of roles with blanks between them.
    roles text not null,
    -- SHA-256 of the token in the link.
    digest blob not null unique,
    invited_by text not null,
    created_ms integer not null,
    expires_ms integer not null,
    -- `open`, `accepted`, `revoked`, `replaced`.
    state text not null,
    ended_ms integer,
    user_id blob,
    primary key (tenant_id, id)
) strict;
create unique index invitations_open on invitations (tenant_id, email) where state = 'open';

create table api_keys (
    tenant_id blob not null references tenants (id),
    id blob not null unique,
    name text not null,
    -- Whether it reaches the sandbox only.
    is_test integer not null,
    -- Texts of permissions with blanks between them.
    scopes text not null,
    -- Networks that it may be shown from, with blanks between them; empty means any.
    networks text not null,
    calls_a_minute integer,
    created_ms integer not null,
    created_by text not null,
    -- When its scopes were granted by somebody who had just proven a factor; none if by somebody who had not.
    stepped_up_ms integer,
    expires_ms integer not null,
    revoked_ms integer,
    revoked_by text,
    used_ms integer,
    used_from text,
    revision integer not null,
    primary key (tenant_id, id)
) strict;

-- Two at most for each key, so that a program can go over from one to the other without a pause.
create table api_key_secrets (
    tenant_id blob not null,
    key_id blob not null,
    -- SHA-256 of the secret.
    digest blob not null,
    created_ms integer not null,
    -- When it ends; with the key if none.
    until_ms integer,
    primary key (tenant_id, key_id, digest),
    foreign key (tenant_id, key_id) references api_keys (tenant_id, id)
) strict;

-- What stays of the chain of a tenant that is gone: the digest of each entry, as its checkpoints have it.
create table audit_leaves (
    tenant_id blob not null,
    n integer not null,
    leaf blob not null,
    hash blob not null,
    primary key (tenant_id, n)
) strict;
