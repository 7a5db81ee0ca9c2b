-- Addresses outside that are told of events, the events, and each event's way to each address.
create table webhooks (
    tenant_id blob not null references tenants (id),
    id blob not null,
    url text not null,
    description text not null,
    -- Which events, as a JSON list; empty means all.
    events text not null,
    state text not null,
    -- Why it is switched off: a slug.
    reason text,
    -- Whom to mail when it is switched off.
    notify text,
    -- What it is signed with, sealed, as JSON.
    secrets text not null,
    failing_ms integer,
    created_ms integer not null,
    revision integer not null,
    primary key (tenant_id, id)
) strict;

-- Written only when somebody listens; the bytes that are signed and sent.
create table events (
    tenant_id blob not null references tenants (id),
    id blob not null,
    kind text not null,
    at_ms integer not null,
    body text not null,
    primary key (tenant_id, id)
) strict;
create index events_by_age on events (tenant_id, at_ms);

create table deliveries (
    tenant_id blob not null,
    id blob not null,
    event_id blob not null,
    webhook_id blob not null,
    kind text not null,
    state text not null,
    tries integer not null,
    -- What became of the last attempts, as JSON.
    attempts text not null,
    next_ms integer,
    created_ms integer not null,
    ended_ms integer,
    revision integer not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, event_id) references events (tenant_id, id) on delete cascade,
    foreign key (tenant_id, webhook_id) references webhooks (tenant_id, id) on delete cascade
) strict;
create index deliveries_of_webhook on deliveries (tenant_id, webhook_id, id);
create index deliveries_of_event on deliveries (tenant_id, event_id);
