-- The last word of an authority on each certificate: whether it took it back, and until when that counts.
create table revocations (
    tenant_id blob not null references tenants (id),
    -- SHA-256 of the certificate.
    fingerprint blob not null,
    certificate blob not null,
    state text not null,
    -- Who said it.
    source text,
    -- Why nothing was said when it was last asked.
    problem text,
    reason text,
    revoked_ms integer,
    this_ms integer,
    next_ms integer,
    checked_ms integer not null,
    due_ms integer not null,
    primary key (tenant_id, fingerprint)
) strict;

-- What was told of the end of a certificate, once for each threshold.
create table expiry_notices (
    tenant_id blob not null,
    id blob not null,
    credential_id blob not null,
    -- So many days before; 0 when it is over.
    days integer not null,
    not_after_ms integer not null,
    -- Whether all administrators are told, because nobody acknowledged the last.
    escalated integer not null,
    at_ms integer not null,
    told_ms integer,
    acknowledged_ms integer,
    acknowledged_by text,
    primary key (tenant_id, id),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
) strict;
create unique index expiry_notices_once on expiry_notices (tenant_id, credential_id, days);
create index expiry_notices_untold on expiry_notices (tenant_id, id) where told_ms is null;
