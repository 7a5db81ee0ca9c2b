-- Addresses outside that are told of events, the events, and each event's way to each address.
create table webhooks (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    url text collate "C" not null,
    description text collate "C" not null,
    -- Which events, as a JSON list; empty means all.
    events jsonb not null,
    state text collate "C" not null,
    -- Why it is switched off: a slug.
    reason text collate "C",
    -- Whom to mail when it is switched off.
    notify text collate "C",
    -- What it is signed with, sealed, as JSON.
    secrets jsonb not null,
    failing_ms bigint,
    created_ms bigint not null,
    revision bigint not null,
    primary key (tenant_id, id)
);

-- Written only when somebody listens; the bytes that are signed and sent.
create table events (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    kind text collate "C" not null,
    at_ms bigint not null,
    body text collate "C" not null,
    primary key (tenant_id, id)
);
create index events_by_age on events (tenant_id, at_ms);

create table deliveries (
    tenant_id uuid not null,
    id uuid not null,
    event_id uuid not null,
    webhook_id uuid not null,
    kind text collate "C" not null,
    state text collate "C" not null,
    tries bigint not null,
    -- What became of the last attempts, as JSON.
    attempts jsonb not null,
    next_ms bigint,
    created_ms bigint not null,
    ended_ms bigint,
    revision bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, event_id) references events (tenant_id, id) on delete cascade,
    foreign key (tenant_id, webhook_id) references webhooks (tenant_id, id) on delete cascade
);
create index deliveries_of_webhook on deliveries (tenant_id, webhook_id, id);
create index deliveries_of_event on deliveries (tenant_id, event_id);

-- The second lock: each row is there for its tenant alone.
select fedatario_lock(it::regclass) from unnest(array['webhooks', 'events', 'deliveries']) as it;
