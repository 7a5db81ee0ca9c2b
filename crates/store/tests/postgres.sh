#!/bin/sh
# A throw-away PostgreSQL: initialised in DIR, listening on a socket there, stopped and removed when
# standard input ends, that is, when whoever started it is gone, however that came about.
#
#   tests/postgres.sh DIR      prints its address once it accepts connections
set -eu
dir=$1

bin=$(pg_config --bindir 2>/dev/null || true)
[ -x "${bin:-}/initdb" ] || bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "${bin:-}/initdb" ] || { echo "PostgreSQL is not installed" >&2; exit 1; }

if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    mkdir -p "$dir"
    chown postgres "$dir"
    # The text of this script, because that user may not be able to read the file.
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- sh -c "$(cat "$0")" "$0" "$dir"
fi

stop() {
    "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
    cd /
    rm -rf "$dir"
}
# However it ends: also when nobody reads the address any more.
trap stop EXIT
trap 'exit 1' HUP INT PIPE TERM

cd "$dir"
exec 3<&0 </dev/null
"$bin/initdb" -A trust -U postgres --no-sync --locale=C.UTF-8 -E UTF8 -D "$dir/data" >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 \
    -o "-k '$dir' -c listen_addresses='' -c fsync=off -c max_connections=300" start >/dev/null 2>&1 3<&- || { cat "$dir/log" >&2; exit 1; }
echo "postgres://postgres@localhost/postgres?host=$dir"
exec >/dev/null
cat <&3 || true
