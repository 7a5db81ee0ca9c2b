-- Keys that stay in a device (WebAuthn). What proves them is sealed in `secret`, their counter is
-- `last_step`; here is only what finds one among the keys of everybody.
alter table user_factors add column credential bytea;
create unique index user_factors_by_credential on user_factors (credential) where credential is not null;
