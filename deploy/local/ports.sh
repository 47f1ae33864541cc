# shellcheck shell=bash
# A taken port is an error before anything starts.

# listening PORT: does any process listen there, on whatever address?
listening() {
  local hex
  printf -v hex ':%04X' "$1"
  awk -v port="$hex" 'FNR > 1 && $4 == "0A" && substr($2, length($2) - 4) == port { found = 1; exit } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# require_free PART SETTING...: unless the part is ours and runs already.
require_free() {
  local part=$1 setting
  shift
  runs "$part" && return
  for setting in "$@"; do
    if listening "${!setting}"; then
      fail "port ${!setting} is taken, and $part needs it" \
        "End what listens there (ss -ltnp \"sport = :${!setting}\" shows it), or choose another port: $setting=…"
    fi
  done
}

ports_of_dependencies() {
  [[ -n $EXTERNAL_DATABASE ]] || require_free postgres POSTGRES_PORT
  [[ -n $EXTERNAL_REDIS ]] || require_free redis REDIS_PORT
  if [[ -z $EXTERNAL_AMQP ]]; then
    require_free epmd RABBITMQ_EPMD_PORT
    require_free rabbitmq RABBITMQ_PORT RABBITMQ_MANAGEMENT_PORT RABBITMQ_DIST_PORT RABBITMQ_PROMETHEUS_PORT
  fi
}

ports_of_observers() {
  require_free prometheus PROMETHEUS_PORT
  require_free alertmanager ALERTMANAGER_PORT
}

ports_of_services() {
  local svc name
  for svc in "${SERVICES[@]}"; do
    name=${svc%-svc}
    require_free "$svc" "${name^^}_PORT" "${name^^}_INTERNAL_PORT"
    if ((REPLICAS > 1)); then ports_of_second "$svc"; fi
  done
  require_free sandbox SANDBOX_PORT
  require_free gateway GATEWAY_PORT
}

ports_of_second() {
  local name=${1%-svc}
  require_free "$1-2" "${name^^}_PORT_2" "${name^^}_INTERNAL_PORT_2"
}
