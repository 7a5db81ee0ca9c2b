-- Every use of a taxpayer's private key: the intent, written before the key is opened, and what became of it.
-- `n` counts from 1 without gaps for each credential; no row is ever taken away while its credential is there.
create table signatures (
    tenant_id uuid not null,
    credential_id uuid not null,
    n bigint not null,
    -- Who asked, and for whom a job did.
    actor text collate "C" not null,
    on_behalf text collate "C",
    profile text collate "C" not null,
    purpose text collate "C" not null,
    root text collate "C" not null,
    -- SHA-256 of the bytes handed in.
    document bytea not null,
    -- The total that was read, and its currency.
    amount text collate "C",
    currency text collate "C",
    -- By which grant, where one was needed.
    grant_id uuid,
    intended_ms bigint not null,
    -- The number of its entry in the chain.
    intended_n bigint not null,
    -- The process that holds it open.
    holder_id uuid not null,
    -- `done`, `failed` or `uncertain`; nothing while it is open.
    outcome text collate "C",
    code text collate "C",
    ended_ms bigint,
    ended_n bigint,
    -- SHA-256 of the signed document.
    signed bytea,
    primary key (tenant_id, credential_id, n),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
);
create index signatures_open on signatures (holder_id, tenant_id) where outcome is null;

-- What a program, or a person apart from their roles, may have signed with a credential.
create table signature_grants (
    tenant_id uuid not null,
    id uuid not null,
    -- The text of a user's or an API key's id.
    principal text collate "C" not null,
    credential_id uuid not null,
    profile text collate "C" not null,
    not_after_ms bigint not null,
    -- A decimal; nothing where there is no cap.
    max_amount text collate "C",
    currency text collate "C",
    created_by text collate "C" not null,
    created_ms bigint not null,
    revoked_ms bigint,
    primary key (tenant_id, id),
    foreign key (tenant_id, credential_id) references credentials (tenant_id, id)
);
create index signature_grants_of on signature_grants (tenant_id, credential_id, principal);

-- The second lock; what a process left open is found across tenants.
select fedatario_lock('signatures', '{system}');
select fedatario_lock('signature_grants');
