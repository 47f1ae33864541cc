# shellcheck shell=bash
# What the machine must have: checked first, then installed from Debian where it is missing.

# at_least WANTED FOUND: compares dotted versions.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

check_prerequisites() {
  local found
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    fail "Rust is missing; version 1.89 or newer is needed" "Install it with rustup, then run the command again."
  fi
  found=$(rustc --version | cut -d' ' -f2)
  at_least 1.89 "$found" || fail "Rust $found is too old; 1.89 or newer is needed" "rustup update stable"
  command -v node >/dev/null ||
    fail "Node.js is missing; version 20.19 or newer is needed" "Install it from nodejs.org or your package manager, then run the command again."
  found=$(node --version)
  at_least 20.19 "${found#v}" || fail "Node.js $found is too old; 20.19 or newer is needed"
  command -v npm >/dev/null || fail "npm is missing; it comes with Node.js" "Install it from nodejs.org or your package manager, then run the command again."
}

postgres_bin() {
  local folder version
  for folder in $(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 2>/dev/null | sort -rV); do
    version=${folder##*/}
    if [[ -x $folder/bin/postgres ]] && at_least 15 "$version"; then printf '%s/bin' "$folder"; return; fi
  done
}

# /usr/sbin is not on every user's path.
nginx_bin() { PATH=$PATH:/usr/sbin command -v nginx || true; }

missing_packages() {
  [[ -n $EXTERNAL_DATABASE || -n $(postgres_bin) ]] || echo postgresql
  command -v psql >/dev/null || echo postgresql-client
  [[ -n $EXTERNAL_REDIS ]] || command -v redis-server >/dev/null || echo redis-server
  [[ -n $EXTERNAL_AMQP || -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || echo rabbitmq-server
  [[ -n $(nginx_bin) ]] || echo nginx-light
  command -v curl >/dev/null || echo curl
  command -v jq >/dev/null || echo jq
  command -v cc >/dev/null || echo 'gcc libc6-dev'
  if [[ -n $OBSERVE || $STACK == test ]]; then
    command -v prometheus >/dev/null || echo prometheus
    command -v prometheus-alertmanager >/dev/null || echo prometheus-alertmanager
  fi
  if [[ $STACK == test ]]; then
    command -v shellcheck >/dev/null || echo shellcheck
    command -v faketime >/dev/null || echo faketime
    command -v chromium >/dev/null || echo chromium
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo 'python3 python3-venv'
  fi
}

install_packages() {
  local packages=() line
  while read -r line; do
    # shellcheck disable=SC2206 # a line may name two packages
    packages+=($line)
  done < <(missing_packages)
  [[ ${#packages[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null ||
    fail "these are missing, and there is no apt-get to install them: ${packages[*]}"
  say "  installing ${packages[*]}"
  local log
  log=$(log_of packages)
  local installer=("$ROOT/deploy/local/install-packages" "${packages[@]}")
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || fail "these packages are missing: ${packages[*]}" \
      "Run as root, or with sudo installed, or install them yourself: apt-get install ${packages[*]}"
    installer=(sudo "${installer[@]}")
  fi
  "${installer[@]}" >>"$log" 2>&1 ||
    fail_with_log packages "the packages could not be installed: ${packages[*]}"
}
