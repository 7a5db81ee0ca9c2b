-- Who there is, what they asked, what came, what is to be done and what was done.
--
-- Instants are milliseconds since 1970 (`_ms`); closed sets are their permanent texts; ids are 16
-- bytes. Every table of a tenant has the tenant first in its key.

create table tenants (
    id blob primary key,
    name text not null unique,
    created_ms integer not null
) strict;

create table settings (
    key text primary key,
    value text not null
) strict;

create table taxpayers (
    tenant_id blob not null references tenants (id),
    id blob not null,
    kind text not null,
    tax_id text not null,
    name text not null,
    environment text not null,
    created_ms integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, kind, tax_id)
) strict;

create table credentials (
    tenant_id blob not null,
    id blob not null,
    taxpayer_id blob not null,
    kind text not null,
    number text not null,
    certificate blob not null,
    not_before_ms integer not null,
    not_after_ms integer not null,
    state text not null,
    reason text,
    wrapped_key blob not null,
    key_version integer not null,
    digest blob not null,
    object text not null,
    created_ms integer not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id)
) strict;
-- One in use, blocked or not, for each taxpayer and kind.
create unique index credentials_current on credentials (tenant_id, taxpayer_id, kind) where state in ('active', 'blocked');
create index credentials_by_key on credentials (tenant_id, key_version);

create table tenant_keys (
    tenant_id blob not null,
    key_use text not null,
    version integer not null,
    root_version integer not null,
    wrapped blob not null,
    primary key (tenant_id, key_use, version)
) strict;
create index tenant_keys_by_root on tenant_keys (root_version);

create table solicitudes (
    tenant_id blob not null,
    id blob not null,
    taxpayer_id blob not null,
    family text not null,
    direction text not null,
    content text not null,
    estado text not null,
    base_from text not null,
    from_at text not null,
    to_at text not null,
    k integer not null,
    year integer not null,
    state text not null,
    authority_id text,
    codes text not null,
    announced integer,
    replaces_id blob,
    relation text,
    run text not null,
    accepted_ms integer,
    ended_ms integer,
    checks integer not null,
    next_check_ms integer,
    revision integer not null,
    created_ms integer not null,
    primary key (tenant_id, id),
    -- What SAT counts for life: the same is never asked twice.
    constraint solicitudes_identity unique (tenant_id, taxpayer_id, family, direction, content, from_at, to_at),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, replaces_id) references solicitudes (tenant_id, id)
) strict;

create table packages (
    tenant_id blob not null,
    id blob not null,
    solicitud_id blob,
    taxpayer_id blob not null,
    id_paquete text not null,
    content text not null,
    state text not null,
    path text,
    sha256 blob,
    size integer,
    tally text not null,
    problem text,
    revision integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, taxpayer_id, id_paquete),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, solicitud_id) references solicitudes (tenant_id, id)
) strict;
create index packages_of_solicitud on packages (tenant_id, solicitud_id, id_paquete);

-- The body comes last, so that a page of columns never reads it. Taxpayer and package are checked
-- once a batch by the code, not once a row by a foreign key.
create table documents (
    tenant_id blob not null,
    taxpayer_id blob not null,
    uuid text not null,
    role text not null,
    status text not null,
    version text not null,
    kind text not null,
    issuer text not null,
    issuer_name text not null,
    receiver text not null,
    receiver_name text not null,
    issued_at text not null,
    period integer not null,
    currency text not null,
    total text not null,
    total_e6 integer not null,
    complements text not null,
    warnings text not null,
    package_id blob not null,
    entry text not null,
    body text not null,
    primary key (tenant_id, taxpayer_id, uuid)
) strict;
create index documents_by_period on documents (tenant_id, taxpayer_id, period, role, total_e6);

create table metadata (
    tenant_id blob not null,
    taxpayer_id blob not null,
    uuid text not null,
    issuer text not null,
    issuer_name text not null,
    receiver text not null,
    receiver_name text not null,
    pac text not null,
    issued_at text not null,
    stamped_at text not null,
    period integer not null,
    amount text not null,
    effect text not null,
    status text not null,
    cancelled_at text,
    extra text not null,
    package_id blob not null,
    primary key (tenant_id, taxpayer_id, uuid)
) strict;

create table quarantine (
    tenant_id blob not null,
    package_id blob not null,
    entry text not null,
    taxpayer_id blob not null,
    code text not null,
    detail text not null,
    primary key (tenant_id, package_id, entry),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, package_id) references packages (tenant_id, id)
) strict;
create index quarantine_of_taxpayer on quarantine (tenant_id, taxpayer_id);

create table jobs (
    tenant_id blob not null references tenants (id),
    id blob not null unique,
    kind text not null,
    key text not null,
    payload text not null,
    state text not null,
    due_ms integer not null,
    lease_ms integer,
    holder_id blob,
    token integer not null,
    failures integer not null,
    error text,
    run text,
    originator text not null,
    created_ms integer not null,
    primary key (tenant_id, id)
) strict;
create unique index jobs_open_key on jobs (tenant_id, kind, key) where state in ('ready', 'running');
create index jobs_ready on jobs (tenant_id, due_ms, id) where state = 'ready';
create index jobs_running on jobs (tenant_id, lease_ms) where state = 'running';
create index jobs_of_run on jobs (tenant_id, run) where state in ('ready', 'running');

create table schedules (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    expression text not null,
    kind text not null,
    payload text not null,
    next_ms integer not null,
    enabled integer not null,
    originator text not null,
    primary key (tenant_id, id),
    unique (tenant_id, name)
) strict;

-- One row is the head of each chain: whoever updates it holds the chain until the commit. The
-- platform's chain belongs to no tenant, hence no reference.
create table audit_heads (
    tenant_id blob primary key,
    n integer not null,
    hash blob not null
) strict;

create table audit_entries (
    tenant_id blob not null,
    n integer not null,
    prev blob not null,
    hash blob not null,
    entry blob not null,
    detail blob,
    primary key (tenant_id, n)
) strict;

create table audit_checkpoints (
    tenant_id blob not null,
    seq integer not null,
    size integer not null,
    note text not null,
    anchored integer not null,
    primary key (tenant_id, seq)
) strict;

-- One row for each call to an authority, written before its first byte: the attempt. `seq` counts
-- within (operation, subject); a call about nothing in particular has the empty subject.
create table exchanges (
    tenant_id blob not null,
    id blob not null,
    authority text not null,
    operation text not null,
    subject text not null,
    seq integer not null,
    credential_id blob not null,
    request_digest blob,
    request_size integer not null,
    job_id blob,
    job_token integer,
    opened_ms integer not null,
    departed_ms integer,
    closed_ms integer,
    outcome text,
    notice_code text,
    notice_text text,
    answer text,
    response_digest blob,
    response_size integer,
    elapsed_ms integer,
    primary key (tenant_id, id),
    unique (tenant_id, operation, subject, seq)
) strict;
create index exchanges_open on exchanges (tenant_id, opened_ms) where closed_ms is null;

-- How many exchanges were closed quietly since the last entry of their operation and subject.
create table exchanges_quiet (
    tenant_id blob not null,
    operation text not null,
    subject text not null,
    n integer not null,
    primary key (tenant_id, operation, subject)
) strict;

-- One slot for each credential and authority: the session, and the right to open one.
create table sessions (
    tenant_id blob not null,
    authority text not null,
    credential_id blob not null,
    generation integer not null,
    sealed blob,
    expires_ms integer,
    holder_id blob,
    holder_until_ms integer,
    cool_until_ms integer,
    refusals integer not null,
    primary key (tenant_id, authority, credential_id)
) strict;

-- Of authorities, hence of no tenant.
create table limits (
    key text primary key,
    full_at_us integer
) strict;

create table breakers (
    key text primary key,
    kind integer not null,
    count integer not null,
    until_ms integer not null
) strict;
