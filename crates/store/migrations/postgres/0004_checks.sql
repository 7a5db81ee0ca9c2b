-- What is known of documents beyond their contents: their seals, what SAT says of them, and what
-- the world says of those who are in them.

create table seal_checks (
    tenant_id uuid not null,
    taxpayer_id uuid not null,
    uuid text collate "C" not null,
    verdict text collate "C" not null,
    reason text,
    trust text not null,
    certificate text not null,
    stamp_certificate text not null,
    seal_tail text not null,
    stamped_at text not null,
    knowledge text not null,
    checked_ms bigint not null,
    primary key (tenant_id, taxpayer_id, uuid)
);
create index seal_checks_not_good on seal_checks (tenant_id, taxpayer_id, uuid) where verdict <> 'good';

create table status_checks (
    tenant_id uuid not null,
    taxpayer_id uuid not null,
    uuid text collate "C" not null,
    codigo_estatus text not null,
    estado text not null,
    es_cancelable text not null,
    estatus_cancelacion text not null,
    validacion_efos text not null,
    asked_ms bigint not null,
    primary key (tenant_id, taxpayer_id, uuid)
);

-- A package that was judged to its end, and what was known then.
create table checked_packages (
    tenant_id uuid not null,
    package_id uuid not null,
    knowledge text not null,
    wanting bigint not null,
    primary key (tenant_id, package_id),
    foreign key (tenant_id, package_id) references packages (tenant_id, id)
);

create table check_runs (
    tenant_id uuid not null,
    id uuid not null,
    taxpayer_id uuid not null,
    begun_ms bigint not null,
    ended_ms bigint,
    asked jsonb not null,
    counts jsonb not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id)
);

create table check_findings (
    tenant_id uuid not null,
    run_id uuid not null,
    seq bigint not null,
    subject text not null,
    verdict text collate "C" not null,
    reason text not null,
    told jsonb not null,
    primary key (tenant_id, run_id, seq),
    foreign key (tenant_id, run_id) references check_runs (tenant_id, id)
);

-- Of the world, hence of no tenant.
create table known_certificates (
    number text collate "C" primary key,
    certificate bytea not null,
    source text not null,
    added_ms bigint not null
);

create table efos_lists (
    id uuid primary key,
    source text not null,
    digest bytea not null,
    dated text not null,
    row_count bigint not null,
    loaded_ms bigint not null
);

-- Rows whose list is in `efos_lists` count; others are being loaded.
create table efos_entries (
    list_id uuid not null,
    rfc text collate "C" not null,
    seq bigint not null,
    name text not null,
    situation text not null,
    primary key (list_id, rfc, seq)
);
