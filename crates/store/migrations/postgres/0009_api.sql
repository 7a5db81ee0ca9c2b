-- Calls that named themselves (`Idempotency-Key`), and what they were answered with. A row without a
-- status is under way, or was cut off.
create table replays (
    tenant_id uuid not null,
    principal text collate "C" not null,
    method text collate "C" not null,
    path text collate "C" not null,
    key text collate "C" not null,
    -- SHA-256 of what was sent, whatever its layout.
    fingerprint bytea not null,
    claimed_ms bigint not null,
    status bigint,
    -- Pairs of name and value, as JSON.
    headers text collate "C",
    -- None when it carried a secret or was too long.
    body bytea,
    primary key (tenant_id, principal, method, path, key)
);
create index replays_by_age on replays (claimed_ms);

-- What is too old is forgotten across tenants.
select fedatario_lock('replays', '{system}');
