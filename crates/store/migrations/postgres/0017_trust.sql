-- The last word of an authority on each certificate: whether it took it back, and until when that counts.
create table revocations (
    tenant_id uuid not null references tenants (id),
    -- SHA-256 of the certificate.
    fingerprint bytea not null,
    certificate bytea not null,
    state text collate "C" not null,
    -- Who said it.
    source text collate "C",
    -- Why nothing was said when it was last asked.
    problem text collate "C",
    reason text collate "C",
    revoked_ms bigint,
    this_ms bigint,
    next_ms bigint,
    checked_ms bigint not null,
    due_ms bigint not null,
    primary key (tenant_id, fingerprint)
);

-- What was told of the end of a certificate, once for each threshold.
create table expiry_notices (
    tenant_id uuid not null,
    id uuid not null,
    credential_id uuid not null,
    -- So many days before; 0 when it is over.
    days bigint not null,
    not_after_ms bigint not null,
    -- Whether all administrators are told, because nobody acknowledged the last.
    escalated boolean not null,
    at_ms bigint not null,
    told_ms bigint,
    acknowledged_ms bigint,
    acknowledged_by text collate "C",
    primary key (tenant_id, id),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
);
create unique index expiry_notices_once on expiry_notices (tenant_id, credential_id, days);
create index expiry_notices_untold on expiry_notices (tenant_id, id) where told_ms is null;

-- The second lock: each row is there for its tenant alone.
select fedatario_lock(it::regclass) from unnest(array['revocations', 'expiry_notices']) as it;
