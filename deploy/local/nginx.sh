# shellcheck shell=bash
# The gateway: nginx from Debian with the configuration of deploy/gateway.

gateway_configure() {
  local base=$STATE_DIR/gateway
  folder_for gateway
  rm -rf "$base/conf" "$base/html"
  mkdir -p "$base/conf"
  cp -r "$ROOT/deploy/gateway/snippets" "$base/conf/"
  cp -r "$ROOT/deploy/gateway/html" "$base/html"
  # The page that a problem's `type` leads to.
  if [[ -e $ROOT/docs/ERRORS.md ]]; then cp "$ROOT/docs/ERRORS.md" "$base/html/errors.md"; fi
  GATEWAY_LISTEN=127.0.0.1:$GATEWAY_PORT GATEWAY_STATE=$base GATEWAY_CONF=$base/conf GATEWAY_HTML=$base/html \
    GATEWAY_LIMITS=$LIMITS GATEWAY_WORKERS=2 GATEWAY_LOG=$base \
    GATEWAY_AUTH=127.0.0.1:$AUTH_PORT GATEWAY_PAYMENTS=127.0.0.1:$PAYMENTS_PORT \
    GATEWAY_ONBOARDING=127.0.0.1:$ONBOARDING_PORT GATEWAY_BCM=127.0.0.1:$BCM_PORT \
    "$ROOT/deploy/gateway/render" >"$base/conf/nginx.conf"
  touch "$(log_of gateway)" "$(log_of gateway-access)"
  chown -R "$(user_for gateway)" "$base" "$(log_of gateway)" "$(log_of gateway-access)"
  ln -sf "$(log_of gateway)" "$base/error.log"
  ln -sf "$(log_of gateway-access)" "$base/access.log"
  as_user gateway "$(nginx_bin)" -t -q -p "$base" -c conf/nginx.conf -e error.log 2>>"$(log_of gateway)" ||
    fail_with_log gateway "nginx refuses the gateway's configuration"
}

gateway_start() {
  gateway_configure
  if runs gateway; then
    kill -s HUP "$(pid_of gateway)"
    return
  fi
  launch gateway "$(nginx_bin)" -p "$STATE_DIR/gateway" -c conf/nginx.conf -e error.log -g 'daemon off;'
  wait_for gateway 15 curl -fsS -m 2 -o /dev/null "$GATEWAY_URL/gateway/livez"
}

# SIGQUIT lets running requests end; open event streams end when their services do.
gateway_stop() { halt gateway QUIT 15; }
