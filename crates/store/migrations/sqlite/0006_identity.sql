-- People, how they prove who they are, and the lines of tokens that began when they did.
--
-- None of these tables belongs to a tenant but `memberships` and `member_roles`: a person may be in
-- many. Whatever proves something is kept as a digest or sealed; nothing here opens a door by itself.

create table users (
    id blob primary key,
    -- Normalised: NFC, lower case. Empty for nobody.
    email text not null unique,
    name text not null,
    language text not null,
    -- PHC string of Argon2id; none before the first password was set.
    password text,
    state text not null,
    -- Grows with whatever ends every token of the person.
    epoch integer not null,
    last_tenant_id blob,
    created_ms integer not null,
    password_ms integer,
    -- Nothing is signed for the person before this instant: factors were recovered.
    signing_from_ms integer,
    revision integer not null
) strict;

create table user_factors (
    id blob primary key,
    user_id blob not null references users (id),
    kind text not null,
    label text not null,
    state text not null,
    -- The secret, sealed under the platform's key.
    secret blob not null,
    -- The last time step that was accepted; none before it ever is again.
    last_step integer not null,
    created_ms integer not null,
    confirmed_ms integer,
    used_ms integer
) strict;
create index user_factors_of_user on user_factors (user_id, id);

create table recovery_codes (
    user_id blob not null references users (id),
    digest blob not null,
    created_ms integer not null,
    used_ms integer,
    primary key (user_id, digest)
) strict;

-- One login and the refresh tokens that follow each other in it. Only the newest is alive; the one
-- before it may fetch it once more for ten seconds, from where it was used.
create table user_sessions (
    id blob primary key,
    user_id blob not null references users (id),
    tenant_id blob,
    created_ms integer not null,
    expires_ms integer not null,
    used_ms integer not null,
    authenticated_ms integer not null,
    methods text not null,
    address text not null,
    user_agent text not null,
    generation integer not null,
    digest blob not null,
    child blob,
    child_until_ms integer,
    child_address text,
    child_user_agent text,
    ended_ms integer,
    ended_by text
) strict;
create index user_sessions_of_user on user_sessions (user_id, id);
create index user_sessions_expiry on user_sessions (expires_ms);

-- Refresh tokens that had their turn: whoever shows one again ends the whole line.
create table spent_tokens (
    session_id blob not null references user_sessions (id) on delete cascade,
    generation integer not null,
    digest blob not null,
    primary key (session_id, generation)
) strict;

-- What is good for one act: bootstrap, the second half of a login, a reset, another address.
create table one_time_tokens (
    digest blob primary key,
    purpose text not null,
    user_id blob references users (id),
    tenant_id blob,
    detail text not null,
    created_ms integer not null,
    expires_ms integer not null,
    attempts integer not null,
    used_ms integer
) strict;
create index one_time_tokens_expiry on one_time_tokens (expires_ms);
create index one_time_tokens_of_user on one_time_tokens (user_id, purpose);

-- Keys that sign access tokens. Announced before they sign, known until the last token has ended.
create table signing_keys (
    kid text primary key,
    public blob not null,
    sealed blob not null,
    created_ms integer not null,
    signs_from_ms integer not null,
    signs_until_ms integer not null,
    verifies_until_ms integer not null
) strict;

-- Failures, counted by what they came from or aimed at; names are digests.
create table throttles (
    name text primary key,
    failures integer not null,
    first_ms integer not null,
    last_ms integer not null
) strict;
create index throttles_age on throttles (last_ms);

-- Machines from which a person has come in before.
create table known_devices (
    user_id blob not null references users (id),
    digest blob not null,
    first_ms integer not null,
    last_ms integer not null,
    primary key (user_id, digest)
) strict;

create table login_history (
    user_id blob not null references users (id),
    id blob not null,
    at_ms integer not null,
    event text not null,
    address text not null,
    user_agent text not null,
    session_id blob,
    primary key (user_id, id)
) strict;

create table memberships (
    tenant_id blob not null references tenants (id),
    user_id blob not null references users (id),
    state text not null,
    created_ms integer not null,
    primary key (tenant_id, user_id)
) strict;
create index memberships_of_user on memberships (user_id, tenant_id);

-- Who holds which role from when to when; in whose place, if somebody is away.
create table member_roles (
    tenant_id blob not null,
    id blob not null,
    user_id blob not null,
    role text not null,
    from_ms integer not null,
    until_ms integer,
    in_place_of_id blob,
    granted_by text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references memberships (tenant_id, user_id)
) strict;
create index member_roles_of_user on member_roles (tenant_id, user_id);

-- Roles on the installation itself.
create table platform_roles (
    user_id blob not null references users (id),
    role text not null,
    granted_by text not null,
    created_ms integer not null,
    primary key (user_id, role)
) strict;
