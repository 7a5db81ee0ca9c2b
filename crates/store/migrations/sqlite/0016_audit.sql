-- What finds an entry again, beside the bytes that were hashed: copies, which a verification compares
-- with the entry. Where an entry came from is sealed; only its digest is hashed.
alter table audit_entries add column at_ms integer not null default 0;
alter table audit_entries add column actor text not null default '';
alter table audit_entries add column action text not null default '';
alter table audit_entries add column result text not null default '';
alter table audit_entries add column object text;
alter table audit_entries add column request text;
alter table audit_entries add column origin blob;
update audit_entries set
    at_ms = coalesce(cast(round((julianday(json_extract(cast(entry as text), '$.at')) - 2440587.5) * 86400000.0) as integer), 0),
    actor = coalesce(json_extract(cast(entry as text), '$.actor'), ''),
    action = coalesce(json_extract(cast(entry as text), '$.action'), ''),
    result = coalesce(json_extract(cast(entry as text), '$.result'), ''),
    object = json_extract(cast(entry as text), '$.object')
where json_valid(cast(entry as text));
create index audit_entries_by_time on audit_entries (tenant_id, at_ms, n);
create index audit_entries_by_actor on audit_entries (tenant_id, actor, n);
create index audit_entries_by_action on audit_entries (tenant_id, action, n);
create index audit_entries_by_object on audit_entries (tenant_id, object, n) where object is not null;
create index audit_entries_by_request on audit_entries (tenant_id, request, n) where request is not null;
create index audit_entries_unwell on audit_entries (tenant_id, result, n) where result <> 'done';

-- How far the Merkle tree over a chain has been grown, and the roots of its full subtrees from the sixth
-- level upwards: what a proof reads instead of millions of entries.
create table audit_trees (
    tenant_id blob primary key,
    size integer not null,
    head blob not null,
    before blob not null,
    peaks blob not null
) strict;

create table audit_nodes (
    tenant_id blob not null,
    level integer not null,
    place integer not null,
    hash blob not null,
    primary key (tenant_id, level, place)
) strict, without rowid;
