-- What is known of documents beyond their contents: their seals, what SAT says of them, and what
-- the world says of those who are in them.

create table seal_checks (
    tenant_id blob not null,
    taxpayer_id blob not null,
    uuid text not null,
    verdict text not null,
    reason text,
    trust text not null,
    certificate text not null,
    stamp_certificate text not null,
    seal_tail text not null,
    stamped_at text not null,
    knowledge text not null,
    checked_ms integer not null,
    primary key (tenant_id, taxpayer_id, uuid)
) strict;
create index seal_checks_not_good on seal_checks (tenant_id, taxpayer_id, uuid) where verdict <> 'good';

create table status_checks (
    tenant_id blob not null,
    taxpayer_id blob not null,
    uuid text not null,
    codigo_estatus text not null,
    estado text not null,
    es_cancelable text not null,
    estatus_cancelacion text not null,
    validacion_efos text not null,
    asked_ms integer not null,
    primary key (tenant_id, taxpayer_id, uuid)
) strict;

-- A package that was judged to its end, and what was known then.
create table checked_packages (
    tenant_id blob not null,
    package_id blob not null,
    knowledge text not null,
    wanting integer not null,
    primary key (tenant_id, package_id),
    foreign key (tenant_id, package_id) references packages (tenant_id, id)
) strict;

create table check_runs (
    tenant_id blob not null,
    id blob not null,
    taxpayer_id blob not null,
    begun_ms integer not null,
    ended_ms integer,
    asked text not null,
    counts text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id)
) strict;

create table check_findings (
    tenant_id blob not null,
    run_id blob not null,
    seq integer not null,
    subject text not null,
    verdict text not null,
    reason text not null,
    told text not null,
    primary key (tenant_id, run_id, seq),
    foreign key (tenant_id, run_id) references check_runs (tenant_id, id)
) strict;

-- Of the world, hence of no tenant.
create table known_certificates (
    number text primary key,
    certificate blob not null,
    source text not null,
    added_ms integer not null
) strict;

create table efos_lists (
    id blob primary key,
    source text not null,
    digest blob not null,
    dated text not null,
    row_count integer not null,
    loaded_ms integer not null
) strict;

-- Rows whose list is in `efos_lists` count; others are being loaded.
create table efos_entries (
    list_id blob not null,
    rfc text not null,
    seq integer not null,
    name text not null,
    situation text not null,
    primary key (list_id, rfc, seq)
) strict;
