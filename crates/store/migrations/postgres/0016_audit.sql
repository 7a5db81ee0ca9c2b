-- What finds an entry again, beside the bytes that were hashed: copies, which a verification compares
-- with the entry. Where an entry came from is sealed; only its digest is hashed.
alter table audit_entries add column at_ms bigint not null default 0;
alter table audit_entries add column actor text collate "C" not null default '';
alter table audit_entries add column action text collate "C" not null default '';
alter table audit_entries add column result text collate "C" not null default '';
alter table audit_entries add column object text collate "C";
alter table audit_entries add column request text collate "C";
alter table audit_entries add column origin bytea;
alter table audit_entries no force row level security;
update audit_entries set
    at_ms = coalesce(round(extract(epoch from (convert_from(entry, 'UTF8')::jsonb ->> 'at')::timestamptz) * 1000)::bigint, 0),
    actor = coalesce(convert_from(entry, 'UTF8')::jsonb ->> 'actor', ''),
    action = coalesce(convert_from(entry, 'UTF8')::jsonb ->> 'action', ''),
    result = coalesce(convert_from(entry, 'UTF8')::jsonb ->> 'result', ''),
    object = convert_from(entry, 'UTF8')::jsonb ->> 'object';
alter table audit_entries force row level security;
create index audit_entries_by_time on audit_entries (tenant_id, at_ms, n);
create index audit_entries_by_actor on audit_entries (tenant_id, actor, n);
create index audit_entries_by_action on audit_entries (tenant_id, action, n);
create index audit_entries_by_object on audit_entries (tenant_id, object, n) where object is not null;
create index audit_entries_by_request on audit_entries (tenant_id, request, n) where request is not null;
create index audit_entries_unwell on audit_entries (tenant_id, result, n) where result <> 'done';

-- How far the Merkle tree over a chain has been grown, and the roots of its full subtrees from the sixth
-- level upwards: what a proof reads instead of millions of entries.
create table audit_trees (
    tenant_id uuid primary key,
    size bigint not null,
    head bytea not null,
    before bytea not null,
    peaks bytea not null
);

create table audit_nodes (
    tenant_id uuid not null,
    level bigint not null,
    place bigint not null,
    hash bytea not null,
    primary key (tenant_id, level, place)
);
select fedatario_lock(it::regclass) from unnest(array['audit_trees', 'audit_nodes']) as it;
