# A PostgreSQL server of one's own, for as long as the script runs; sourced, not run.

# start_postgres: exports MOOTHALL_TEST_POSTGRES, the address of a server whose user may create databases.
# The caller arranges for stop_postgres to be called at the end.
start_postgres() {
  local binaries user=() port attempt
  binaries=$(find /usr/lib/postgresql -path '*/bin/initdb' -printf '%h\n' | sort --version-sort | tail -n 1)
  [ -n "$binaries" ] || fail 'initdb was not found under /usr/lib/postgresql: install the package postgresql'
  postgres_folder=$(mktemp --directory /tmp/moothall-postgres.XXXXXX)
  # PostgreSQL refuses to run as root.
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$postgres_folder"
    user=(runuser --user postgres --)
  fi
  postgres_control=("${user[@]}" "$binaries/pg_ctl" --silent --pgdata "$postgres_folder/data")

  say "starting a PostgreSQL server for the tests in $postgres_folder"
  "${user[@]}" "$binaries/initdb" --pgdata "$postgres_folder/data" --username moothall --auth trust \
    --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
  for attempt in 1 2 3 4 5; do
    # Below the ports that the system gives to outgoing connections.
    port=$((20000 + RANDOM % 12000))
    # Its data are thrown away at the end: no need to wait for the disk.
    if "${postgres_control[@]}" start --wait --log "$postgres_folder/log" --options \
      "-p $port -c listen_addresses=127.0.0.1 -k $postgres_folder -c fsync=off -c max_connections=300"; then
      export MOOTHALL_TEST_POSTGRES="postgres://moothall@127.0.0.1:$port/postgres"
      return
    fi
    say "attempt $attempt on port $port failed"
  done
  cat "$postgres_folder/log" >&2
  fail 'the PostgreSQL server did not start: its log is above'
}

stop_postgres() {
  [ -n "${postgres_folder:-}" ] || return 0
  "${postgres_control[@]}" stop --mode immediate || true
  rm -rf "$postgres_folder"
}
