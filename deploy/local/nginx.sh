# shellcheck shell=bash
# The gateway: nginx from Debian with the configuration of deploy/gateway.

# Replicas that get no requests, because they are being restarted.
OUT_OF_UPSTREAM=()

# servers_of SERVICE: the addresses of those of its replicas that run, at least the first one's.
servers_of() {
  local replica servers=()
  for replica in $(replicas_of "$1"); do
    if runs "$replica" && [[ " ${OUT_OF_UPSTREAM[*]} " != *" $replica "* ]]; then servers+=("127.0.0.1:$(port_of "$replica")"); fi
  done
  ((${#servers[@]})) || servers=("127.0.0.1:$(port_of "$1")")
  printf '%s' "${servers[*]}"
}

gateway_configure() {
  local base=$STATE_DIR/gateway
  folder_for gateway
  rm -rf "$base/conf" "$base/html"
  mkdir -p "$base/conf"
  cp -r "$ROOT/deploy/gateway/snippets" "$base/conf/"
  cp -r "$ROOT/deploy/gateway/html" "$base/html"
  cp -r "$ROOT/frontend/dist" "$base/html/app"
  "$ROOT/deploy/gateway/error-pages" "$ROOT/docs/ERRORS.md" "$base/html/errors"
  touch "$(log_of gateway)" "$(log_of gateway-access)" "$(log_of client-errors)"
  chown -R "$(user_for gateway)" "$base" "$(log_of gateway)" "$(log_of gateway-access)" "$(log_of client-errors)"
  ln -sf "$(log_of gateway)" "$base/error.log"
  ln -sf "$(log_of gateway-access)" "$base/access.log"
  ln -sf "$(log_of client-errors)" "$base/client-errors.log"
  gateway_render
}

gateway_render() {
  local base=$STATE_DIR/gateway
  GATEWAY_LISTEN=127.0.0.1:$GATEWAY_PORT GATEWAY_STATE=$base GATEWAY_CONF=$base/conf GATEWAY_HTML=$base/html \
    GATEWAY_LIMITS=$LIMITS GATEWAY_WORKERS=2 GATEWAY_LOG=$base \
    GATEWAY_AUTH=$(servers_of auth-svc) GATEWAY_PAYMENTS=$(servers_of payments-svc) \
    GATEWAY_ONBOARDING=$(servers_of onboarding-svc) GATEWAY_BCM=$(servers_of bcm-svc) \
    "$ROOT/deploy/gateway/render" | write_for gateway gateway/conf/nginx.conf
  as_user gateway "$(nginx_bin)" -t -q -p "$base" -c conf/nginx.conf -e error.log 2>>"$(log_of gateway)" ||
    fail_with_log gateway "nginx refuses the gateway's configuration"
}

gateway_start() {
  gateway_configure
  if runs gateway; then
    gateway_reload
    return
  fi
  launch gateway "$(nginx_bin)" -p "$STATE_DIR/gateway" -c conf/nginx.conf -e error.log -g 'daemon off;'
  wait_for gateway 15 curl -fsS -m 2 -o /dev/null "$GATEWAY_URL/gateway/livez"
}

# The gateway's workers that take new requests.
gateway_workers() { ps --ppid "$(pid_of gateway)" -o pid=,args= | awk '!/shutting down/ { print $1 }' | sort; }

# The new configuration is in force when no worker of the old one takes requests any more.
gateway_reload() {
  local before now='' deadline
  before=$(gateway_workers)
  deadline=$(($(now_ms) + 10000))
  kill -s HUP "$(pid_of gateway)"
  until [[ -n $now && -z $(comm -12 <(printf '%s\n' "$before") <(printf '%s\n' "$now")) ]]; do
    (($(now_ms) < deadline)) || fail_with_log gateway "the gateway does not take its new configuration"
    sleep 0.05
    now=$(gateway_workers)
  done
}

# SIGQUIT lets running requests end; open event streams end when their services do.
gateway_stop() { halt gateway QUIT 15; }
