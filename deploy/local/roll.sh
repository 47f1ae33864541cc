# shellcheck shell=bash
# Restarts services without a failed request (decision 31): one replica leaves the upstream, drains, restarts and comes
# back, then the other. Where only one runs, the second one stands in for as long as it takes.

# As long as the gateway waits for an answer (proxy_read_timeout). A replica without an open request is left at once.
QUIET_LIMIT_MS=35000

# How many connections the replica's public port has.
connections_of() {
  local hex
  printf -v hex ':%04X' "$(port_of "$1")"
  awk -v port="$hex" '$4 == "01" && substr($2, length($2) - 4) == port { n++ } END { print n + 0 }' /proc/net/tcp
}

# quiet REPLICA: whether no request is open there but event streams, which end when it drains. It counts a stream whose
# reader has left until its next heartbeat; so long the two numbers differ.
quiet() {
  local streams
  streams=$(curl -s -m 2 "http://127.0.0.1:$(port_of "$1" internal)/metrics" | awk '$1 == "event_streams_open" { print $2 }')
  (($(connections_of "$1") == ${streams:-0}))
}

# route [REPLICA]: sends requests to every replica that runs, except to the one that is named.
# shellcheck disable=SC2034 # the gateway's part reads it
route() {
  OUT_OF_UPSTREAM=("$@")
  gateway_render
  gateway_reload
}

take_out() {
  route "$1"
  # What an old worker of the gateway took before still travels.
  local deadline=$(($(now_ms) + QUIET_LIMIT_MS))
  until quiet "$1" || (($(now_ms) > deadline)); do sleep 0.05; done
}

put_in() {
  service_start "$1" serve --with-worker
  wait_for "$1" 30 service_ready "$1"
  route
}

retire() {
  take_out "$1"
  halt "$1" TERM 30
}

roll_replica() {
  retire "$1"
  put_in "$1"
}

roll_service() {
  local svc=$1 second=$1-2
  if runs "$second"; then
    roll_replica "$svc"
    roll_replica "$second"
  else
    ports_of_second "$svc"
    put_in "$second"
    roll_replica "$svc"
    # Where two are to run it had crashed, and is no stand-in.
    ((REPLICAS > 1)) || retire "$second"
  fi
}

# roll [SERVICE...]: all of them when none is named.
roll() {
  local svc
  (($#)) || set -- "${SERVICES[@]}"
  for svc in "$@"; do
    [[ " ${SERVICES[*]} " == *" $svc "* ]] || fail "there is no service \"$svc\"" "It can be one of: ${SERVICES[*]}"
    if ! runs "$svc" || ! runs gateway; then fail "$svc or the gateway does not run" "make up"; fi
  done
  for svc in "$@"; do step "$svc, one replica after the other" roll_service "$svc"; done
}
