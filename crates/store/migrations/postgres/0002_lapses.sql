-- How often in a row a job's lease ended without a word from whoever held it: work that takes its
-- worker down with it must end somewhere too.
alter table jobs add column lapses bigint not null default 0;
