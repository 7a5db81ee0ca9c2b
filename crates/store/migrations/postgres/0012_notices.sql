-- Mails that wait, by tenant: an organisation whose doors are closed is looked through for these alone.
create index jobs_mail on jobs (tenant_id, due_ms) where state = 'ready' and kind = 'mail.send';
