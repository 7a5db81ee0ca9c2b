-- PostgreSQL compresses bodies by lz4 from here on; SQLite compresses nothing.
select 1;
