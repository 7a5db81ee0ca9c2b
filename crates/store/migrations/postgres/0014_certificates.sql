-- A credential belongs to a taxpayer or to a person, waits for its day, is replaced, rests and is destroyed.

alter table credentials
    alter column taxpayer_id drop not null,
    add column user_id uuid,
    add column name text,
    add column key_use text collate "C" not null default 'data',
    add column activate_ms bigint,
    add column replaced_ms bigint,
    add column keep_until_ms bigint,
    -- Whoever put in what was there before stands in the chain.
    add column uploaded_by text collate "C" not null default 'system',
    add constraint credentials_owner check ((taxpayer_id is null) <> (user_id is null));
-- Rows of every tenant, which the lock keeps even from the table's owner.
alter table credentials no force row level security;
update credentials set name = number;
alter table credentials force row level security;
alter table credentials
    alter column name set not null,
    alter column key_use drop default,
    alter column uploaded_by drop default;

-- One in use, blocked or not, and one that waits, for each owner and kind.
drop index credentials_current;
create unique index credentials_current on credentials (tenant_id, coalesce(taxpayer_id, user_id), kind)
    where state in ('active', 'blocked');
create unique index credentials_next on credentials (tenant_id, coalesce(taxpayer_id, user_id), kind) where state = 'next';
drop index credentials_by_key;
create index credentials_by_key on credentials (tenant_id, key_use, key_version) where state <> 'destroyed';
create index credentials_by_end on credentials (tenant_id, not_after_ms);

-- RNC for which a credential signs by delegation.
create table delegations (
    tenant_id uuid not null,
    credential_id uuid not null,
    rnc text collate "C" not null,
    from_ms bigint not null,
    to_ms bigint,
    granted_by text collate "C" not null,
    primary key (tenant_id, credential_id, rnc, from_ms),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
);

-- With what a person signs, and whether without being asked each time.
create table signature_configs (
    tenant_id uuid not null,
    user_id uuid not null,
    mode text collate "C" not null,
    credential_id uuid,
    auto_sign boolean not null,
    notify boolean not null,
    revision bigint not null,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
);

select fedatario_lock('delegations');
select fedatario_lock('signature_configs');
