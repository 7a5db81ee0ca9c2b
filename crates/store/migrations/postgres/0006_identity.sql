-- People, how they prove who they are, and the lines of tokens that began when they did.
--
-- None of these tables belongs to a tenant but `memberships` and `member_roles`: a person may be in
-- many. Whatever proves something is kept as a digest or sealed; nothing here opens a door by itself.

create table users (
    id uuid primary key,
    -- Normalised: NFC, lower case. Empty for nobody.
    email text collate "C" not null unique,
    name text not null,
    language text collate "C" not null,
    -- PHC string of Argon2id; none before the first password was set.
    password text,
    state text collate "C" not null,
    -- Grows with whatever ends every token of the person.
    epoch bigint not null,
    last_tenant_id uuid,
    created_ms bigint not null,
    password_ms bigint,
    -- Nothing is signed for the person before this instant: factors were recovered.
    signing_from_ms bigint,
    revision bigint not null
);

create table user_factors (
    id uuid primary key,
    user_id uuid not null references users (id),
    kind text collate "C" not null,
    label text not null,
    state text collate "C" not null,
    -- The secret, sealed under the platform's key.
    secret bytea not null,
    -- The last time step that was accepted; none before it ever is again.
    last_step bigint not null,
    created_ms bigint not null,
    confirmed_ms bigint,
    used_ms bigint
);
create index user_factors_of_user on user_factors (user_id, id);

create table recovery_codes (
    user_id uuid not null references users (id),
    digest bytea not null,
    created_ms bigint not null,
    used_ms bigint,
    primary key (user_id, digest)
);

-- One login and the refresh tokens that follow each other in it. Only the newest is alive; the one
-- before it may fetch it once more for ten seconds, from where it was used.
create table user_sessions (
    id uuid primary key,
    user_id uuid not null references users (id),
    tenant_id uuid,
    created_ms bigint not null,
    expires_ms bigint not null,
    used_ms bigint not null,
    authenticated_ms bigint not null,
    methods text collate "C" not null,
    address text collate "C" not null,
    user_agent text not null,
    generation bigint not null,
    digest bytea not null,
    child bytea,
    child_until_ms bigint,
    child_address text collate "C",
    child_user_agent text,
    ended_ms bigint,
    ended_by text collate "C"
);
create index user_sessions_of_user on user_sessions (user_id, id);
create index user_sessions_expiry on user_sessions (expires_ms);

-- Refresh tokens that had their turn: whoever shows one again ends the whole line.
create table spent_tokens (
    session_id uuid not null references user_sessions (id) on delete cascade,
    generation bigint not null,
    digest bytea not null,
    primary key (session_id, generation)
);

-- What is good for one act: bootstrap, the second half of a login, a reset, another address.
create table one_time_tokens (
    digest bytea primary key,
    purpose text collate "C" not null,
    user_id uuid references users (id),
    tenant_id uuid,
    detail jsonb not null,
    created_ms bigint not null,
    expires_ms bigint not null,
    attempts bigint not null,
    used_ms bigint
);
create index one_time_tokens_expiry on one_time_tokens (expires_ms);
create index one_time_tokens_of_user on one_time_tokens (user_id, purpose);

-- Keys that sign access tokens. Announced before they sign, known until the last token has ended.
create table signing_keys (
    kid text collate "C" primary key,
    public bytea not null,
    sealed bytea not null,
    created_ms bigint not null,
    signs_from_ms bigint not null,
    signs_until_ms bigint not null,
    verifies_until_ms bigint not null
);

-- Failures, counted by what they came from or aimed at; names are digests.
create table throttles (
    name text collate "C" primary key,
    failures bigint not null,
    first_ms bigint not null,
    last_ms bigint not null
);
create index throttles_age on throttles (last_ms);

-- Machines from which a person has come in before.
create table known_devices (
    user_id uuid not null references users (id),
    digest bytea not null,
    first_ms bigint not null,
    last_ms bigint not null,
    primary key (user_id, digest)
);

create table login_history (
    user_id uuid not null references users (id),
    id uuid not null,
    at_ms bigint not null,
    event text collate "C" not null,
    address text collate "C" not null,
    user_agent text not null,
    session_id uuid,
    primary key (user_id, id)
);

create table memberships (
    tenant_id uuid not null references tenants (id),
    user_id uuid not null references users (id),
    state text collate "C" not null,
    created_ms bigint not null,
    primary key (tenant_id, user_id)
);
create index memberships_of_user on memberships (user_id, tenant_id);

-- Who holds which role from when to when; in whose place, if somebody is away.
create table member_roles (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    role text collate "C" not null,
    from_ms bigint not null,
    until_ms bigint,
    in_place_of_id uuid,
    granted_by text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references memberships (tenant_id, user_id)
);
create index member_roles_of_user on member_roles (tenant_id, user_id);

-- Roles on the installation itself.
create table platform_roles (
    user_id uuid not null references users (id),
    role text collate "C" not null,
    granted_by text not null,
    created_ms bigint not null,
    primary key (user_id, role)
);
