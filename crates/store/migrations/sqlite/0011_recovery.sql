-- Recoveries of lost second factors: begun by an administrator, done after a delay, called off meanwhile.
create table recoveries (
    tenant_id blob not null references tenants (id),
    id blob not null,
    user_id blob not null references users (id),
    state text not null,
    -- Texts of the actors who began and ended it.
    started_by text not null,
    ended_by text,
    started_ms integer not null,
    due_ms integer not null,
    ended_ms integer,
    primary key (tenant_id, id)
) strict;
create unique index recoveries_by_id on recoveries (id);
-- One at a time for a person, whichever tenant began it.
create unique index recoveries_open on recoveries (user_id) where state = 'open';

-- Of whom a tenant asks a second factor: of those whose roles need one, or of everybody.
alter table tenants add column second_factor text not null default 'roles';

-- Lines of tokens that began up to this instant are no good in the tenant any more.
alter table memberships add column lines_from_ms integer;

-- History is taken away by age.
create index login_history_age on login_history (at_ms);
