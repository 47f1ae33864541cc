#!/bin/sh
# Prints RabbitMQ's definitions: the vhost, an administrator, and one user per service. A broker that starts with
# definitions makes no guest user. Passwords come from the environment.
#
# Every publisher declares the whole topology before it publishes (decision 1), so that each service may configure, write
# and read everything under our names, and nothing else: not the default exchange, which reaches every queue. What keeps
# services apart is the topic permission (decision 5): on the exchange of events a service publishes its own types only,
# and on the exchanges of retries and dead letters it reaches its own queues only.
set -eu

: "${RABBITMQ_VHOST:=groundwork}"
: "${RABBITMQ_ADMIN_PASSWORD:?}" "${AUTH_AMQP_PASSWORD:?}" "${PAYMENTS_AMQP_PASSWORD:?}" "${ONBOARDING_AMQP_PASSWORD:?}" "${BCM_AMQP_PASSWORD:?}"

ours='^(groundwork|auth-svc|payments-svc|onboarding-svc|bcm-svc)\\..+$'

user() { printf '    {"name": "%s", "password": "%s", "tags": "%s"}' "$1" "$2" "$3"; }
permission() {
  printf '    {"user": "%s", "vhost": "%s", "configure": "%s", "write": "%s", "read": "%s"}' "$1" "$2" "$3" "$4" "$5"
}
# topics USER SERVICE DOMAIN: one line for each exchange; it may bind any key.
topics() {
  topic "$1" groundwork.events "$3"
  for exchange in dead return retry.5s retry.30s retry.5m retry.30m; do
    printf ',\n'
    topic "$1" "groundwork.$exchange" "$2"
  done
}
topic() {
  printf '    {"user": "%s", "vhost": "%s", "exchange": "%s", "write": "^%s\\\\.", "read": ".*"}' "$1" "$RABBITMQ_VHOST" "$2" "$3"
}

cat <<JSON
{
  "vhosts": [{"name": "/"}, {"name": "$RABBITMQ_VHOST"}],
  "users": [
$(user admin "$RABBITMQ_ADMIN_PASSWORD" administrator),
$(user auth_svc "$AUTH_AMQP_PASSWORD" ""),
$(user payments_svc "$PAYMENTS_AMQP_PASSWORD" ""),
$(user onboarding_svc "$ONBOARDING_AMQP_PASSWORD" ""),
$(user bcm_svc "$BCM_AMQP_PASSWORD" "")
  ],
  "permissions": [
$(permission admin / '.*' '.*' '.*'),
$(permission admin "$RABBITMQ_VHOST" '.*' '.*' '.*'),
$(permission auth_svc "$RABBITMQ_VHOST" "$ours" "$ours" "$ours"),
$(permission payments_svc "$RABBITMQ_VHOST" "$ours" "$ours" "$ours"),
$(permission onboarding_svc "$RABBITMQ_VHOST" "$ours" "$ours" "$ours"),
$(permission bcm_svc "$RABBITMQ_VHOST" "$ours" "$ours" "$ours")
  ],
  "topic_permissions": [
$(topics auth_svc auth-svc identity),
$(topics payments_svc payments-svc payments),
$(topics onboarding_svc onboarding-svc onboarding),
$(topics bcm_svc bcm-svc bcm)
  ]
}
JSON
