#!/usr/bin/env bash
# Supabase's own JavaScript and Python clients, unmodified, against the embedded identity provider. It runs beside the
# stack as a process of its own, with the stack's data: what it is asked about (confirmation by mail, a legacy secret, where
# it may lead people) is set here. Needs STATE_DIR and SANDBOX_URL; AUTH_SVC names another binary than the built one.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$ROOT/deploy/test/supabase-clients
auth_svc=${AUTH_SVC:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/auth-svc}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork
packages=$cache/supabase-clients
venv=$cache/venv-supabase-clients
work=$(mktemp -d)
pid=
key_id=

cleanup() {
  # The key ends with the tests, however they end: the stack's data may outlive them.
  if [[ -n $key_id ]]; then
    (as_provider service-keys revoke "$key_id" --why 'the tests of the clients are over') >/dev/null ||
      printf 'the service key %s is still good\n' "$key_id" >&2
  fi
  if [[ -n $pid ]]; then
    kill -s TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [[ ! -x $auth_svc ]]; then
  printf '%s is missing: run "cargo build --bin auth-svc" first\n' "$auth_svc" >&2
  exit 1
fi

install_packages() {
  mkdir -p "$packages"
  if ! cmp -s "$here/package.json" "$packages/installed.json"; then
    cp "$here/package.json" "$packages/package.json"
    npm install --prefix "$packages" --no-audit --no-fund --loglevel=error
    cp "$here/package.json" "$packages/installed.json"
  fi
  # Node looks for packages beside the file that imports them.
  cp "$here"/*.mjs "$work/"
  ln -s "$packages/node_modules" "$work/node_modules"

  local wanted
  wanted=$(sha256sum <"$here/requirements.txt")
  if [[ $wanted != "$(cat "$venv/requirements.sha256" 2>/dev/null || true)" ]]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    printf '%s\n' "$wanted" >"$venv/requirements.sha256"
  fi
}

two_free_ports() {
  python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in sockets))'
}

# as_provider ARGUMENTS...: becomes the provider's program in the provider's environment; for subshells only.
as_provider() {
  unset SUPABASE_URL
  export "${pairs[@]}"
  exec "$auth_svc" "$@"
}

# The provider's environment is the stack's, but for what is set here.
start_provider() {
  local public internal
  read -r public internal < <(two_free_ports)
  SUPABASE_JWT_SECRET=$(head -c 30 /dev/urandom | base64 | tr '+/' 'ab')
  mapfile -t pairs <"$STATE_DIR/services/auth-svc.env"
  pairs+=(
    "GROUNDWORK__HTTP__PUBLIC_ADDR=127.0.0.1:$public"
    "GROUNDWORK__HTTP__INTERNAL_ADDR=127.0.0.1:$internal"
    "GROUNDWORK__AUTH__JWKS_URL=http://127.0.0.1:$public/auth/v1/.well-known/jwks.json"
    "GROUNDWORK__AUTH_SVC__EMBEDDED__EMAIL_CONFIRMATION=true"
    "GROUNDWORK__AUTH_SVC__EMBEDDED__REDIRECT_URLS=http://app.example.test"
    "GROUNDWORK__LIMITS__PROFILE=load"
    "SUPABASE_JWT_SECRET=$SUPABASE_JWT_SECRET"
  )
  # The stack's own process sends the mails, so this one runs without workers.
  (as_provider serve) >"$work/auth-svc.log" 2>&1 &
  pid=$!
  export SUPABASE_JWT_SECRET SUPABASE_URL=http://127.0.0.1:$public
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    if curl -fsS -m 2 -o /dev/null "$SUPABASE_URL/auth/v1/health" 2>/dev/null; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 25 "$work/auth-svc.log" >&2
  printf '%s did not become healthy\n' "$auth_svc" >&2
  return 1
}

# Two keys of the service role: a good one, and one that was good.
make_keys() {
  local good revoked
  good=$(as_provider service-keys create 'tests of the clients' --why 'tests of the clients' --json)
  key_id=$(jq -er .id <<<"$good")
  revoked=$(as_provider service-keys create 'tests of the clients, revoked' --why 'tests of the clients' --json)
  (as_provider service-keys revoke "$(jq -er .id <<<"$revoked")" --why 'tests of the clients') >/dev/null
  SUPABASE_SECRET_KEY=$(jq -er .key <<<"$good")
  SUPABASE_REVOKED_KEY=$(jq -er .key <<<"$revoked")
  export SUPABASE_SECRET_KEY SUPABASE_REVOKED_KEY
  (as_provider service-keys list --json) >"$work/keys.json"
  jq -es --arg id "$key_id" 'any(.[]; .id == $id) and all(.[]; has("key") | not)' "$work/keys.json" >/dev/null ||
    { printf 'the list of service keys lacks one, or shows what opens\n' >&2; return 1; }
}

# run_node NAME FILES...: the files run side by side, since most of the time goes into waiting for mails.
run_node() {
  local name=$1
  shift
  (
    cd "$work"
    node --test --test-concurrency=6 --test-reporter=spec --test-reporter-destination=stdout \
      --test-reporter=tap --test-reporter-destination="$name.tap" "$@"
  ) >"$work/$name.log" 2>&1
}

run_python() {
  (
    cd "$here"
    "$venv/bin/python" -B -m pytest -p no:cacheprovider --rootdir . --verbosity=1 --color=no --junitxml="$work/python.xml" .
  ) >"$work/python.log" 2>&1
}

cases_of_node() { awk '/^# tests / { tests = $3 } /^# (skipped|todo) [1-9]/ { left = 1 } END { print left ? 0 : tests + 0 }' "$work/$1.tap"; }
cases_of_python() { sed -nE 's/.*<testsuite [^>]*skipped="0" tests="([0-9]+)".*/\1/p' "$work/python.xml"; }

install_packages
start_provider
make_keys

cd "$work"
supabase_js=(supabase-js*.test.mjs)
auth_js=()
for file in *.test.mjs; do
  [[ $file == supabase-js* ]] || auth_js+=("$file")
done

began=$SECONDS
run_python & python=$!
run_node supabase-js "${supabase_js[@]}" & second=$!
run_node auth-js "${auth_js[@]}" & first=$!
failed=()
wait "$python" || failed+=(python)
wait "$second" || failed+=(supabase-js)
wait "$first" || failed+=(auth-js)

cat python.log supabase-js.log auth-js.log
a=$(cases_of_node auth-js) s=$(cases_of_node supabase-js) p=$(cases_of_python)
for suite in "auth-js:$a" "supabase-js:$s" "python:$p"; do
  # A suite without cases, or with skipped ones, proves nothing.
  ((${suite##*:} > 0)) || failed+=("${suite%:*}")
done
printf '%s s\n' "$((SECONDS - began))"
if ((${#failed[@]})); then printf 'failed: %s\n' "${failed[*]}"; fi
printf '%d cases: %d auth-js, %d supabase-js, %d python\n' "$((a + s + p))" "$a" "$s" "$p"
((${#failed[@]} == 0))
