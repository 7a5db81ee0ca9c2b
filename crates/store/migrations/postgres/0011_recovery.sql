-- Recoveries of lost second factors: begun by an administrator, done after a delay, called off meanwhile.
create table recoveries (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    user_id uuid not null references users (id),
    state text collate "C" not null,
    -- Texts of the actors who began and ended it.
    started_by text collate "C" not null,
    ended_by text collate "C",
    started_ms bigint not null,
    due_ms bigint not null,
    ended_ms bigint,
    primary key (tenant_id, id)
);
create unique index recoveries_by_id on recoveries (id);
-- One at a time for a person, whichever tenant began it.
create unique index recoveries_open on recoveries (user_id) where state = 'open';

-- Of whom a tenant asks a second factor: of those whose roles need one, or of everybody.
alter table tenants add column second_factor text collate "C" not null default 'roles';

-- Lines of tokens that began up to this instant are no good in the tenant any more.
alter table memberships add column lines_from_ms bigint;

-- History is taken away by age.
create index login_history_age on login_history (at_ms);

-- A tenant's, and people's.
select fedatario_lock('recoveries', '{platform}');
