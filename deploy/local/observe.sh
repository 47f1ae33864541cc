# shellcheck shell=bash
# Prometheus and Alertmanager from Debian, beside the services: `make up OBSERVE=1`. Configuration, rules and routes are those
# of deploy/observe.

# With OBSERVE set, and while one of them runs.
observing() { [[ -n $OBSERVE ]] || runs prometheus || runs alertmanager; }

observe_start() {
  alertmanager_start
  prometheus_start
}

prometheus_start() {
  local base=$STATE_DIR/prometheus
  folder_for prometheus
  rm -rf "$base/rules"
  mkdir -p "$base/rules" "$base/data"
  cp "$ROOT/deploy/observe/prometheus/prometheus.yml" "$base/"
  cp "$ROOT"/deploy/observe/prometheus/rules/*.yml "$base/rules/"
  prometheus_targets >"$base/targets.yml"
  target alertmanager "$ALERTMANAGER_PORT" >"$base/alertmanagers.yml"
  chown -R "$(user_for prometheus)" "$base"
  as_user prometheus promtool check config "$base/prometheus.yml" >>"$(log_of prometheus)" 2>&1 ||
    fail_with_log prometheus "promtool refuses Prometheus' configuration"
  if runs prometheus; then
    kill -s HUP "$(pid_of prometheus)"
    return
  fi
  launch prometheus prometheus --config.file="$base/prometheus.yml" --storage.tsdb.path="$base/data" \
    --storage.tsdb.retention.time=7d --web.listen-address="127.0.0.1:$PROMETHEUS_PORT" --log.level=warn
  wait_for prometheus 30 curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$PROMETHEUS_PORT/-/ready"
}

# target JOB PORT: an entry of a file of targets. Replicas of a service have its job in common.
target() { printf -- '- targets: ["127.0.0.1:%s"]\n  labels: {job: %s}\n' "$2" "$1"; }

prometheus_targets() {
  local replica
  for replica in $(replicas); do target "$(service_of "$replica")" "$(port_of "$replica" internal)"; done
  [[ -n $EXTERNAL_AMQP ]] || target rabbitmq "$RABBITMQ_PROMETHEUS_PORT"
  target prometheus "$PROMETHEUS_PORT"
  target alertmanager "$ALERTMANAGER_PORT"
}

alertmanager_start() {
  local base=$STATE_DIR/alertmanager
  folder_for alertmanager
  mkdir -p "$base/data"
  cp "$ROOT/deploy/observe/alertmanager/alertmanager.yml" "$base/"
  chown -R "$(user_for alertmanager)" "$base"
  if runs alertmanager; then
    kill -s HUP "$(pid_of alertmanager)"
    return
  fi
  # Without an address for its cluster it listens on loopback alone.
  launch alertmanager prometheus-alertmanager --config.file="$base/alertmanager.yml" --storage.path="$base/data" \
    --web.listen-address="127.0.0.1:$ALERTMANAGER_PORT" --cluster.listen-address= --log.level=warn
  wait_for alertmanager 30 curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$ALERTMANAGER_PORT/-/ready"
}

observe_stop() {
  halt prometheus TERM 30
  halt alertmanager TERM 15
}
