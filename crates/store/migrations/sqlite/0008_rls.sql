-- Row-level security is PostgreSQL's. Here one process writes the file, under one user of the machine, and
-- every statement names its tenant; nothing changes.
select 1;
