-- Every use of a taxpayer's private key: the intent, written before the key is opened, and what became of it.
-- `n` counts from 1 without gaps for each credential; no row is ever taken away while its credential is there.
create table signatures (
    tenant_id blob not null,
    credential_id blob not null,
    n integer not null,
    -- Who asked, and for whom a job did.
    actor text not null,
    on_behalf text,
    profile text not null,
    purpose text not null,
    root text not null,
    -- SHA-256 of the bytes handed in.
    document blob not null,
    -- The total that was read, and its currency.
    amount text,
    currency text,
    -- By which grant, where one was needed.
    grant_id blob,
    intended_ms integer not null,
    -- The number of its entry in the chain.
    intended_n integer not null,
    -- The process that holds it open.
    holder_id blob not null,
    -- `done`, `failed` or `uncertain`; nothing while it is open.
    outcome text,
    code text,
    ended_ms integer,
    ended_n integer,
    -- SHA-256 of the signed document.
    signed blob,
    primary key (tenant_id, credential_id, n),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
) strict;
create index signatures_open on signatures (holder_id, tenant_id) where outcome is null;

-- What a program, or a person apart from their roles, may have signed with a credential.
create table signature_grants (
    tenant_id blob not null,
    id blob not null,
    -- The text of a user's or an API key's id.
    principal text not null,
    credential_id blob not null,
    profile text not null,
    not_after_ms integer not null,
    -- A decimal; nothing where there is no cap.
    max_amount text,
    currency text,
    created_by text not null,
    created_ms integer not null,
    revoked_ms integer,
    primary key (tenant_id, id),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
) strict;
create index signature_grants_of on signature_grants (tenant_id, credential_id, principal);
