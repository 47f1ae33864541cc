# shellcheck shell=bash
# A private PostgreSQL: durable, loopback only, scram passwords.

postgres_start() {
  local bin data=$STATE_DIR/postgres/data
  runs postgres && return
  bin=$(postgres_bin)
  folder_for postgres
  if [[ ! -s $data/PG_VERSION ]]; then
    rm -rf "$data"
    printf '%s' "$POSTGRES_PASSWORD" | write_for postgres postgres/password
    as_user postgres "$bin/initdb" --pgdata="$data" --username=postgres --auth=scram-sha-256 \
      --pwfile="$STATE_DIR/postgres/password" --encoding=UTF8 --locale=C.UTF-8 >>"$(log_of postgres)" 2>&1 ||
      fail_with_log postgres "initdb failed"
    rm "$STATE_DIR/postgres/password"
  fi
  launch postgres "$bin/postgres" -D "$data" -p "$POSTGRES_PORT" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$STATE_DIR/postgres" -c max_connections=300 -c shared_buffers=256MB \
    -c log_line_prefix='%m [%p] %q%u@%d ' -c timezone=UTC
  wait_for postgres 30 as_superuser 'select 1'
  if [[ -z $(as_superuser "select 1 from pg_database where datname = '$DATABASE_NAME'") ]]; then
    as_superuser "create database $DATABASE_NAME"
  fi
}

as_superuser() {
  PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres -d postgres -v ON_ERROR_STOP=1 -Atqc "$1"
}

# SIGINT is PostgreSQL's fast shutdown.
postgres_stop() { halt postgres INT 30; }
