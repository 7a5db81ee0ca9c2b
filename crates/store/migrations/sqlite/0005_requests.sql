-- Requests of every kind. What SAT takes for the same request includes the RFCs of the other side, and
-- a folio is a request of its own; filters do not count. Rows from before were all of a year, with
-- neither.
--
-- A constraint cannot be changed in place here: the table is made anew under its own name. References
-- to it are taken off and put back, since dropping a table counts as deleting its rows.
create table solicitudes_links (tenant_id blob, id blob, replaces_id blob);
insert into solicitudes_links select tenant_id, id, replaces_id from solicitudes where replaces_id is not null;
create table packages_links (tenant_id blob, id blob, solicitud_id blob);
insert into packages_links select tenant_id, id, solicitud_id from packages where solicitud_id is not null;
update packages set solicitud_id = null where solicitud_id is not null;
update solicitudes set replaces_id = null where replaces_id is not null;

create table solicitudes_new (
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
    -- What it was asked for: `year`, `request`, `recheck`.
    purpose text not null default 'year',
    -- RFCs of the other side, in order, with commas between them; empty means all.
    counterparties text not null default '',
    -- UUID of the one document asked for, else empty.
    folio text not null default '',
    -- What narrows it further and is no part of its identity, as JSON.
    filters text not null default '{}',
    -- Why it waits for a person, in our own terms: a slug and words.
    problem text,
    primary key (tenant_id, id),
    -- What SAT counts for life: the same is never asked twice.
    constraint solicitudes_identity
        unique (tenant_id, taxpayer_id, family, direction, content, from_at, to_at, counterparties, folio),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    foreign key (tenant_id, replaces_id) references solicitudes (tenant_id, id)
) strict;
insert into solicitudes_new (tenant_id, id, taxpayer_id, family, direction, content, estado, base_from, from_at, to_at, k, year,
        state, authority_id, codes, announced, relation, run, accepted_ms, ended_ms, checks, next_check_ms, revision, created_ms)
    select tenant_id, id, taxpayer_id, family, direction, content, estado, base_from, from_at, to_at, k, year,
        state, authority_id, codes, announced, relation, run, accepted_ms, ended_ms, checks, next_check_ms, revision, created_ms
    from solicitudes;
drop table solicitudes;
alter table solicitudes_new rename to solicitudes;

update solicitudes set replaces_id = l.replaces_id from solicitudes_links l
    where l.tenant_id = solicitudes.tenant_id and l.id = solicitudes.id;
update packages set solicitud_id = l.solicitud_id from packages_links l
    where l.tenant_id = packages.tenant_id and l.id = packages.id;
drop table solicitudes_links;
drop table packages_links;

-- Which of SAT's two services a line is from, on whose account its document was made, and whether it
-- was here in force before it was found cancelled.
alter table metadata add column family text not null default 'cfdi';
alter table metadata add column third_rfc text;
alter table metadata add column third_name text;
alter table metadata add column cancelled_late integer not null default 0;
create index metadata_cancelled_late on metadata (tenant_id, taxpayer_id, package_id) where cancelled_late = 1;

-- How much later than its expression says a schedule fires, so that many do not in one second.
alter table schedules add column spread_s integer not null default 0;
