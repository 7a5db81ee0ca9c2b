-- A credential belongs to a taxpayer or to a person, waits for its day, is replaced, rests and is destroyed.
--
-- The table is made anew because a column of it may be empty now.

create table credentials_made_anew (
    tenant_id blob not null,
    id blob not null,
    taxpayer_id blob,
    user_id blob,
    kind text not null,
    number text not null,
    name text not null,
    certificate blob not null,
    not_before_ms integer not null,
    not_after_ms integer not null,
    state text not null,
    reason text,
    wrapped_key blob not null,
    key_use text not null,
    key_version integer not null,
    digest blob not null,
    object text not null,
    activate_ms integer,
    replaced_ms integer,
    keep_until_ms integer,
    uploaded_by text not null,
    created_ms integer not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, taxpayer_id) references taxpayers (tenant_id, id),
    check ((taxpayer_id is null) <> (user_id is null))
) strict;
-- Whoever put in what was there before stands in the chain.
insert into credentials_made_anew
    select tenant_id, id, taxpayer_id, null, kind, number, number, certificate, not_before_ms, not_after_ms, state, reason,
        wrapped_key, 'data', key_version, digest, object, null, null, null, 'system', created_ms
    from credentials;
drop table credentials;
alter table credentials_made_anew rename to credentials;

-- One in use, blocked or not, and one that waits, for each owner and kind.
create unique index credentials_current on credentials (tenant_id, coalesce(taxpayer_id, user_id), kind)
    where state in ('active', 'blocked');
create unique index credentials_next on credentials (tenant_id, coalesce(taxpayer_id, user_id), kind) where state = 'next';
create index credentials_by_key on credentials (tenant_id, key_use, key_version) where state <> 'destroyed';
create index credentials_by_end on credentials (tenant_id, not_after_ms);

-- RNC for which a credential signs by delegation.
create table delegations (
    tenant_id blob not null,
    credential_id blob not null,
    rnc text not null,
    from_ms integer not null,
    to_ms integer,
    granted_by text not null,
    primary key (tenant_id, credential_id, rnc, from_ms),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
) strict;

-- With what a person signs, and whether without being asked each time.
create table signature_configs (
    tenant_id blob not null,
    user_id blob not null,
    mode text not null,
    credential_id blob,
    auto_sign integer not null,
    notify integer not null,
    revision integer not null,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
) strict;
