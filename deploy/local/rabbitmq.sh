# shellcheck shell=bash
# A private RabbitMQ node with an epmd of its own: left to itself the Erlang VM starts a daemon that outlives it and
# listens on every address.

rabbitmq_start() {
  local base=$STATE_DIR/rabbitmq
  runs rabbitmq && return
  folder_for rabbitmq
  rabbitmq_definitions | write_for rabbitmq rabbitmq/definitions.json
  rabbitmq_configuration | write_for rabbitmq rabbitmq/rabbitmq.conf
  printf '[rabbitmq_management,rabbitmq_prometheus].\n' | write_for rabbitmq rabbitmq/enabled_plugins
  printf '' | write_for rabbitmq rabbitmq/rabbitmq-env.conf

  if ! runs epmd; then
    launch epmd epmd -port "$RABBITMQ_EPMD_PORT" -address 127.0.0.1
    wait_for epmd 10 listening "$RABBITMQ_EPMD_PORT"
  fi
  # RUNNING_UNDER_SYSTEMD makes the script exec the Erlang VM, so that the pid we keep is the broker's.
  launch rabbitmq env \
    HOME="$base" RUNNING_UNDER_SYSTEMD=1 \
    ERL_EPMD_PORT="$RABBITMQ_EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="groundwork-$STACK@localhost" \
    RABBITMQ_NODE_PORT="$RABBITMQ_PORT" RABBITMQ_DIST_PORT="$RABBITMQ_DIST_PORT" \
    RABBITMQ_MNESIA_BASE="$base/data" RABBITMQ_LOG_BASE="$base/log" RABBITMQ_LOGS=- \
    RABBITMQ_CONFIG_FILE="$base/rabbitmq" RABBITMQ_CONF_ENV_FILE="$base/rabbitmq-env.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$base/enabled_plugins" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none' \
    /usr/lib/rabbitmq/bin/rabbitmq-server
  wait_for rabbitmq 90 rabbitmq_ready
}

rabbitmq_configuration() {
  cat <<CONF
listeners.tcp.1 = 127.0.0.1:$RABBITMQ_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBITMQ_MANAGEMENT_PORT
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $RABBITMQ_PROMETHEUS_PORT
load_definitions = $STATE_DIR/rabbitmq/definitions.json
disk_free_limit.absolute = 256MB
vm_memory_high_watermark.absolute = 768MB
frame_max = 65536
log.connection.level = warning
CONF
}

rabbitmq_definitions() {
  RABBITMQ_VHOST=$RABBITMQ_VHOST RABBITMQ_ADMIN_PASSWORD=$RABBITMQ_ADMIN_PASSWORD AUTH_AMQP_PASSWORD=$AUTH_AMQP_PASSWORD \
    PAYMENTS_AMQP_PASSWORD=$PAYMENTS_AMQP_PASSWORD ONBOARDING_AMQP_PASSWORD=$ONBOARDING_AMQP_PASSWORD \
    BCM_AMQP_PASSWORD=$BCM_AMQP_PASSWORD sh "$ROOT/deploy/rabbitmq/definitions.sh"
}

# The listener for AMQP opens last, after the definitions were imported and the plugins started.
rabbitmq_ready() {
  listening "$RABBITMQ_PORT" &&
    curl -fsS -m 2 -o /dev/null -K - <<<"url = \"http://admin:$RABBITMQ_ADMIN_PASSWORD@127.0.0.1:$RABBITMQ_MANAGEMENT_PORT/api/whoami\""
}

rabbitmq_stop() {
  local pid
  halt rabbitmq TERM 60
  halt epmd TERM 5
  # A VM that lost its epmd starts another one by itself; only one on our own port is ours to end.
  for pid in $(pgrep -x epmd || true); do
    if epmd_is_ours "$pid"; then kill "$pid" 2>/dev/null || true; fi
  done
}

# By its argument or by the environment that a VM hands on. Every read may find the process gone.
epmd_is_ours() {
  { tr '\0' ' ' <"/proc/$1/cmdline" | grep -q -- "-port $RABBITMQ_EPMD_PORT " ||
    tr '\0' '\n' <"/proc/$1/environ" | grep -qx "ERL_EPMD_PORT=$RABBITMQ_EPMD_PORT"; } 2>/dev/null
}
