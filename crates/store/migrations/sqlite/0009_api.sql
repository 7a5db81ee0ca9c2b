-- Calls that named themselves (`Idempotency-Key`), and what they were answered with. A row without a
-- status is under way, or was cut off.
create table replays (
    tenant_id blob not null,
    principal text not null,
    method text not null,
    path text not null,
    key text not null,
    -- SHA-256 of what was sent, whatever its layout.
    fingerprint blob not null,
    claimed_ms integer not null,
    status integer,
    -- Pairs of name and value, as JSON.
    headers text,
    -- None when it carried a secret or was too long.
    body blob,
    primary key (tenant_id, principal, method, path, key)
) strict;
create index replays_by_age on replays (claimed_ms);
