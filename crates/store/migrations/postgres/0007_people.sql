-- Organisations in their whole life, the roles that they define, whom they invite, and the keys of programs.

alter table tenants
    -- `active`; `suspended`: nobody comes in and no job runs; `leaving`: the same, and its data will be
    -- destroyed; `gone`: destroyed.
    add column state text collate "C" not null default 'active',
    -- Why it is in that state, in the words of whoever put it there.
    add column reason text,
    add column changed_ms bigint not null default 0,
    -- Who asked for the deletion, who confirmed it, and when it may happen at the earliest.
    add column leaving_by text,
    add column leaving_confirmed_by text,
    add column leaves_ms bigint,
    -- A reason why nothing of it may be destroyed; none if it may.
    add column legal_hold text,
    add column revision bigint not null default 0;
create index tenants_leaving on tenants (leaves_ms) where state = 'leaving';

-- Roles that a tenant defined beside the built-in ones.
create table roles (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text collate "C" not null,
    description text not null,
    -- Texts of permissions with blanks between them.
    permissions text not null,
    created_ms bigint not null,
    created_by text not null,
    revision bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, name)
);

create table invitations (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    email text collate "C" not null,
    language text collate "C" not null,
    -- Names of roles with blanks between them.
    roles text not null,
    -- SHA-256 of the token in the link.
    digest bytea not null unique,
    invited_by text not null,
    created_ms bigint not null,
    expires_ms bigint not null,
    -- `open`, `accepted`, `revoked`, `replaced`.
    state text collate "C" not null,
    ended_ms bigint,
    user_id uuid,
    primary key (tenant_id, id)
);
create unique index invitations_open on invitations (tenant_id, email) where state = 'open';

create table api_keys (
    tenant_id uuid not null references tenants (id),
    id uuid not null unique,
    name text not null,
    -- Whether it reaches the sandbox only.
    is_test boolean not null,
    -- Texts of permissions with blanks between them.
    scopes text not null,
    -- Networks that it may be shown from, with blanks between them; empty means any.
    networks text not null,
    calls_a_minute bigint,
    created_ms bigint not null,
    created_by text not null,
    -- When its scopes were granted by somebody who had just proven a factor; none if by somebody who had not.
    stepped_up_ms bigint,
    expires_ms bigint not null,
    revoked_ms bigint,
    revoked_by text,
    used_ms bigint,
    used_from text,
    revision bigint not null,
    primary key (tenant_id, id)
);

-- Two at most for each key, so that a program can go over from one to the other without a pause.
create table api_key_secrets (
    tenant_id uuid not null,
    key_id uuid not null,
    -- SHA-256 of the secret.
    digest bytea not null,
    created_ms bigint not null,
    -- When it ends; with the key if none.
    until_ms bigint,
    primary key (tenant_id, key_id, digest),
    foreign key (tenant_id, key_id) references api_keys (tenant_id, id)
);

-- What stays of the chain of a tenant that is gone: the digest of each entry, as its checkpoints have it.
create table audit_leaves (
    tenant_id uuid not null,
    n bigint not null,
    leaf bytea not null,
    hash bytea not null,
    primary key (tenant_id, n)
);
