#!/usr/bin/env bash
# Supabase's own database lints look at each service's schema as if it were the public schema of a Supabase project. They look at
# copies without rows; the stack's database is only dumped. Needs DATABASE_ADMIN_URL.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/advisors
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/supabase-cli
schemas=(identity payments onboarding bcm)
roles='anon, authenticated, service_role'
work=$(mktemp -d)
copy=gw_advisors_$$_$RANDOM

address=${DATABASE_ADMIN_URL%%\?*}
server=${address%/*}
query=${DATABASE_ADMIN_URL#"$address"}
# The client that Supabase wrote demands TLS unless it is told; psql takes what there is.
[[ $query == *sslmode=* ]] || query=${query:-?}${query:+&}sslmode=disable
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$server/$1$query" "${@:2}"; }

clean() {
  local database
  for database in "$copy" "${schemas[@]/#/${copy}_}"; do
    PGOPTIONS='-c client_min_messages=warning' sql postgres -c "drop database if exists $database with (force)" ||
      printf 'the copy %s is still there\n' "$database" >&2
  done
  rm -rf "$work"
}
trap clean EXIT

mkdir -p "$cache"
if ! cmp -s "$here/package.json" "$cache/installed.json"; then
  cp "$here/package.json" "$cache/package.json"
  npm install --prefix "$cache" --no-audit --no-fund --loglevel=error
  cp "$here/package.json" "$cache/installed.json"
fi

# advise SCHEMA: the findings go to $work/findings, one a line.
advise() {
  local code=0
  # It keeps files in the home folder, and neither tells nor asks anybody anything.
  HOME=$work DO_NOT_TRACK=1 SUPABASE_TELEMETRY_DISABLED=1 SUPABASE_NO_UPDATE_NOTIFIER=1 timeout 60 \
    "$cache/node_modules/.bin/supabase" --workdir "$work" --agent no db advisors --db-url "$server/${copy}_$1$query" \
    --level warn --fail-on warn --output-format json >"$work/answer" 2>"$work/errors" || code=$?
  # A failure to look exits with 1 as well, but has no results.
  jq -r --slurp '.[0].results | if type == "array" then .[] else error("no results") end | "\(.level) \(.cacheKey): \(.detail)"' \
    "$work/answer" >"$work/findings" || { cat "$work/answer" "$work/errors" >&2; exit 1; }
  return "$code"
}

# One schema's policies call the functions of another, so that all are copied.
dumped=(auth "${schemas[@]}")
pg_dump --schema-only --strict-names "${dumped[@]/#/--schema=}" "$DATABASE_ADMIN_URL" >"$work/dump.sql"
sql postgres -c "create database $copy template template0"
sql "$copy" --single-transaction -o "$work/restored" -f "$work/dump.sql"

failed=0
for schema in "${schemas[@]}"; do
  database=${copy}_$schema
  sql postgres -c "create database $database template $copy"
  # Policies and defaults follow the schema to its new name. Bodies of functions do not; no lint reads or runs them.
  # As on Supabase, everybody may use what an administrator makes in public; without that the lints take a table without
  # row-level security for one that no client reaches. What the migrations made keeps its own grants, as on Supabase too.
  # These lints know a bad definer's function by its search path, not by who may run it.
  tables=$(sql "$database" <<SQL
drop schema public;
alter schema $schema rename to public;
grant usage on schema public to $roles;
alter default privileges in schema public grant all on tables to $roles;
alter default privileges in schema public grant all on functions to $roles;
alter default privileges in schema public grant all on sequences to $roles;
select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p');
create table public.planted_table (id int primary key);
create function public.planted_definer() returns int language sql security definer as 'select 1';
SQL
  )

  if ((tables == 0)) || advise "$schema" ||
    ! grep -q '^ERROR rls_disabled_in_public_public_planted_table:' "$work/findings" ||
    ! grep -q '^WARN function_search_path_mutable_public_planted_definer_' "$work/findings"; then
    printf '%s: the lints overlook what was planted among %s tables\n' "$schema" "$tables" >&2
    exit 1
  fi

  sql "$database" -c 'drop table public.planted_table; drop function public.planted_definer()'
  if advise "$schema" && [[ ! -s $work/findings ]]; then
    printf '%s: %s tables, nothing at level warn or above; the planted table and the planted function were found\n' "$schema" "$tables"
  else
    sed "s/^/$schema as public: /" "$work/findings"
    failed=1
  fi
done
((failed == 0))
