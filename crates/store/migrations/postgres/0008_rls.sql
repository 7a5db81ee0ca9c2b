-- The second lock: a row of a tenant is there for a transaction that says it is of that tenant, and for
-- nobody else. The first lock is the statement itself, which names the tenant it is for.
--
-- A transaction says two things, with settings that end with it (`set local`):
--   fedatario.tenant   whose rows; empty for nobody's
--   fedatario.reach    `tenant`, `system` (claims jobs, ticks schedules, re-wraps keys: across tenants, and
--                      on the tables below that say so), `platform` (people, how they come in, the list of
--                      tenants), `nobody`
--
-- The policies are forced upon the owner of the tables too. A later migration that must change rows of all
-- tenants lifts that for itself (`alter table t no force row level security`) and forces it again.
-- A later migration that makes a table of tenants calls `fedatario_lock`; what it forgets is locked to its
-- tenant alone when it has run.

create function fedatario_tenant() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('fedatario.tenant', true), '')::uuid $$;

create function fedatario_reach() returns text language sql stable parallel safe
    as $$ select coalesce(current_setting('fedatario.reach', true), '') $$;

-- Locks a table: to its tenant, if it has one and tenants may see it, and to the reaches named. The functions
-- stand in a subquery so that they are asked once a statement and not once a row.
create function fedatario_lock(locked regclass, reaches text[] default '{}', of_tenants boolean default true)
    returns void language plpgsql as $$
declare
    owner_column text := (
        select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
        where of_tenants and a.attrelid = locked and not a.attisdropped
          and a.attname = case when c.relname = 'tenants' then 'id' else 'tenant_id' end
    );
    rules text[] := '{}';
begin
    if owner_column is not null then
        rules := rules || format('%I = (select fedatario_tenant())', owner_column);
    end if;
    if cardinality(reaches) > 0 then
        rules := rules || format('(select fedatario_reach()) = any (%L::text[])', reaches);
    end if;
    execute format('alter table %s enable row level security, force row level security', locked);
    execute format('drop policy if exists fedatario_lock on %s', locked);
    execute format('create policy fedatario_lock on %s using (%s)', locked, array_to_string(rules, ' or '));
end $$;

-- Locks every table of tenants that no migration has locked. One caller at a time.
create function fedatario_lock_all() returns void language plpgsql as $$
declare
    bare regclass;
begin
    perform pg_advisory_xact_lock(hashtext('fedatario_lock_all'));
    for bare in
        select c.oid::regclass from pg_class c
        where c.relnamespace = (select relnamespace from pg_class where oid = 'tenants'::regclass) and c.relkind in ('r', 'p')
          and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
          and not exists (select 1 from pg_policy p where p.polrelid = c.oid)
    loop
        perform fedatario_lock(bare);
    end loop;
end $$;

select fedatario_lock('tenants', '{system,platform}');
select fedatario_lock('jobs', '{system}');
select fedatario_lock('schedules', '{system}');
select fedatario_lock('tenant_keys', '{system}');
-- People belong to no tenant: only `platform` sees them. Who is a member of what, and what a tenant says of
-- its members and programs, is the tenant's too.
select fedatario_lock(it::regclass, '{platform}', false) from unnest(array[
    'users', 'user_factors', 'recovery_codes', 'user_sessions', 'spent_tokens', 'one_time_tokens', 'signing_keys', 'throttles',
    'known_devices', 'login_history', 'platform_roles'
]) as it;
select fedatario_lock(it::regclass, '{platform}') from unnest(array[
    'memberships', 'member_roles', 'roles', 'invitations', 'api_keys', 'api_key_secrets'
]) as it;
select fedatario_lock_all();
