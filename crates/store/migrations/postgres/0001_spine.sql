-- Who there is, what they asked, what came, what is to be done and what was done.
--
-- Instants are milliseconds since 1970 (`_ms`); closed sets are their permanent texts; ids are 16
-- bytes. Every table of a tenant has the tenant first in its key.

create table tenants (
    id uuid primary key,
    name text collate "C" not null unique,
    created_ms bigint not null
);

create table settings (
    key text collate "C" primary key,
    value text not null
);

create table taxpayers (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    kind text collate "C" not null,
    tax_id text collate "C" not null,
    name text not null,
    environment text not null,
    created_ms bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, kind, tax_id)
);

create table credentials (
    tenant_id uuid not null,
    id uuid not null,
    taxpayer_id uuid not null,
    kind text collate "C" not null,
    number text not null,
    certificate bytea not null,
    not_before_ms bigint not null,
    not_after_ms bigint not null,
    state text collate "C" not null,
    reason text,
    wrapped_key bytea not null,
    key_version bigint not null,
    digest bytea not null,
    object text not null,
    created_ms bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id)
);
-- One in use, blocked or not, for each taxpayer and kind.
create unique index credentials_current on credentials (tenant_id, taxpayer_id, kind) where state in ('active', 'blocked');
create index credentials_by_key on credentials (tenant_id, key_version);

create table tenant_keys (
    tenant_id uuid not null,
    key_use text collate "C" not null,
    version bigint not null,
    root_version bigint not null,
    wrapped bytea not null,
    primary key (tenant_id, key_use, version)
);
create index tenant_keys_by_root on tenant_keys (root_version);

create table solicitudes (
    tenant_id uuid not null,
    id uuid not null,
    taxpayer_id uuid not null,
    family text collate "C" not null,
    direction text collate "C" not null,
    content text collate "C" not null,
    estado text not null,
    base_from text not null,
    from_at text collate "C" not null,
    to_at text collate "C" not null,
    k bigint not null,
    year bigint not null,
    state text not null,
    authority_id text,
    codes jsonb not null,
    announced bigint,
    replaces_id uuid,
    relation text,
    run text not null,
    accepted_ms bigint,
    ended_ms bigint,
    checks bigint not null,
    next_check_ms bigint,
    revision bigint not null,
    created_ms bigint not null,
    primary key (tenant_id, id),
    -- What SAT counts for life: the same is never asked twice.
    constraint solicitudes_identity unique (tenant_id, taxpayer_id, family, direction, content, from_at, to_at),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, replaces_id) references solicitudes (tenant_id, id)
);

create table packages (
    tenant_id uuid not null,
    id uuid not null,
    solicitud_id uuid,
    taxpayer_id uuid not null,
    id_paquete text collate "C" not null,
    content text not null,
    state text not null,
    path text,
    sha256 bytea,
    size bigint,
    tally jsonb not null,
    problem text,
    revision bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, taxpayer_id, id_paquete),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, solicitud_id) references solicitudes (tenant_id, id)
);
create index packages_of_solicitud on packages (tenant_id, solicitud_id, id_paquete);

-- The body comes last, so that a page of columns never reads it. Taxpayer and package are checked
-- once a batch by the code, not once a row by a foreign key.
create table documents (
    tenant_id uuid not null,
    taxpayer_id uuid not null,
    uuid text collate "C" not null,
    role text collate "C" not null,
    status text collate "C" not null,
    version text not null,
    kind text not null,
    issuer text not null,
    issuer_name text not null,
    receiver text not null,
    receiver_name text not null,
    issued_at text not null,
    period bigint not null,
    currency text not null,
    total text not null,
    total_e6 bigint not null,
    complements text not null,
    warnings text not null,
    package_id uuid not null,
    entry text not null,
    body jsonb not null,
    primary key (tenant_id, taxpayer_id, uuid)
);
create index documents_by_period on documents (tenant_id, taxpayer_id, period, role, total_e6);

create table metadata (
    tenant_id uuid not null,
    taxpayer_id uuid not null,
    uuid text collate "C" not null,
    issuer text not null,
    issuer_name text not null,
    receiver text not null,
    receiver_name text not null,
    pac text not null,
    issued_at text not null,
    stamped_at text not null,
    period bigint not null,
    amount text not null,
    effect text not null,
    status text collate "C" not null,
    cancelled_at text,
    extra jsonb not null,
    package_id uuid not null,
    primary key (tenant_id, taxpayer_id, uuid)
);

create table quarantine (
    tenant_id uuid not null,
    package_id uuid not null,
    entry text collate "C" not null,
    taxpayer_id uuid not null,
    code text not null,
    detail text not null,
    primary key (tenant_id, package_id, entry),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, package_id) references packages (tenant_id, id)
);
create index quarantine_of_taxpayer on quarantine (tenant_id, taxpayer_id);

create table jobs (
    tenant_id uuid not null references tenants (id),
    id uuid not null unique,
    kind text collate "C" not null,
    key text collate "C" not null,
    payload jsonb not null,
    state text collate "C" not null,
    due_ms bigint not null,
    lease_ms bigint,
    holder_id uuid,
    token bigint not null,
    failures bigint not null,
    error text,
    run text collate "C",
    originator text not null,
    created_ms bigint not null,
    primary key (tenant_id, id)
);
create unique index jobs_open_key on jobs (tenant_id, kind, key) where state in ('ready', 'running');
create index jobs_ready on jobs (tenant_id, due_ms, id) where state = 'ready';
create index jobs_running on jobs (tenant_id, lease_ms) where state = 'running';
create index jobs_of_run on jobs (tenant_id, run) where state in ('ready', 'running');

create table schedules (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text collate "C" not null,
    expression text not null,
    kind text not null,
    payload jsonb not null,
    next_ms bigint not null,
    enabled boolean not null,
    originator text not null,
    primary key (tenant_id, id),
    unique (tenant_id, name)
);

-- One row is the head of each chain: whoever updates it holds the chain until the commit. The
-- platform's chain belongs to no tenant, hence no reference.
create table audit_heads (
    tenant_id uuid primary key,
    n bigint not null,
    hash bytea not null
);

create table audit_entries (
    tenant_id uuid not null,
    n bigint not null,
    prev bytea not null,
    hash bytea not null,
    entry bytea not null,
    detail bytea,
    primary key (tenant_id, n)
);

create table audit_checkpoints (
    tenant_id uuid not null,
    seq bigint not null,
    size bigint not null,
    note text not null,
    anchored boolean not null,
    primary key (tenant_id, seq)
);

-- One row for each call to an authority, written before its first byte: the attempt. `seq` counts
-- within (operation, subject); a call about nothing in particular has the empty subject.
create table exchanges (
    tenant_id uuid not null,
    id uuid not null,
    authority text not null,
    operation text collate "C" not null,
    subject text collate "C" not null,
    seq bigint not null,
    credential_id uuid not null,
    request_digest bytea,
    request_size bigint not null,
    job_id uuid,
    job_token bigint,
    opened_ms bigint not null,
    departed_ms bigint,
    closed_ms bigint,
    outcome text collate "C",
    notice_code text,
    notice_text text,
    answer text,
    response_digest bytea,
    response_size bigint,
    elapsed_ms bigint,
    primary key (tenant_id, id),
    unique (tenant_id, operation, subject, seq)
);
create index exchanges_open on exchanges (tenant_id, opened_ms) where closed_ms is null;

-- How many exchanges were closed quietly since the last entry of their operation and subject.
create table exchanges_quiet (
    tenant_id uuid not null,
    operation text collate "C" not null,
    subject text collate "C" not null,
    n bigint not null,
    primary key (tenant_id, operation, subject)
);

-- One slot for each credential and authority: the session, and the right to open one.
create table sessions (
    tenant_id uuid not null,
    authority text collate "C" not null,
    credential_id uuid not null,
    generation bigint not null,
    sealed bytea,
    expires_ms bigint,
    holder_id uuid,
    holder_until_ms bigint,
    cool_until_ms bigint,
    refusals bigint not null,
    primary key (tenant_id, authority, credential_id)
);

-- Of authorities, hence of no tenant.
create table limits (
    key text collate "C" primary key,
    full_at_us bigint
);

create table breakers (
    key text collate "C" primary key,
    kind bigint not null,
    count bigint not null,
    until_ms bigint not null
);
