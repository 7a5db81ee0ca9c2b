-- Requests of every kind. What SAT takes for the same request includes the RFCs of the other side, and
-- a folio is a request of its own; filters do not count. Rows from before were all of a year, with
-- neither.
alter table solicitudes
    -- What it was asked for: `year`, `request`, `recheck`.
    add column purpose text collate "C" not null default 'year',
    -- RFCs of the other side, in order, with commas between them; empty means all.
    add column counterparties text collate "C" not null default '',
    -- UUID of the one document asked for, else empty.
    add column folio text collate "C" not null default '',
    -- What narrows it further and is no part of its identity, as JSON.
    add column filters jsonb not null default '{}',
    -- Why it waits for a person, in our own terms: a slug and words.
    add column problem text,
    drop constraint solicitudes_identity;
-- What SAT counts for life: the same is never asked twice.
alter table solicitudes add constraint solicitudes_identity
    unique (tenant_id, taxpayer_id, family, direction, content, from_at, to_at, counterparties, folio);

-- Which of SAT's two services a line is from, on whose account its document was made, and whether it
-- was here in force before it was found cancelled.
alter table metadata
    add column family text collate "C" not null default 'cfdi',
    add column third_rfc text collate "C",
    add column third_name text,
    add column cancelled_late bigint not null default 0;
create index metadata_cancelled_late on metadata (tenant_id, taxpayer_id, package_id) where cancelled_late = 1;

-- How much later than its expression says a schedule fires, so that many do not in one second.
alter table schedules add column spread_s bigint not null default 0;
