# shellcheck shell=bash disable=SC2034
# Every setting of the private stack, with its default. Set any of them in the environment to change it.

STACK=${STACK:-dev}
case $STACK in
  dev) offset=0 confirmation=true ;;
  test) offset=1000 confirmation=false ;;
  *) fail "STACK is \"$STACK\"; it can be dev or test" ;;
esac

PROFILE=${PROFILE:-dev}
case $PROFILE in
  dev) BIN=debug ;;
  release) BIN=release ;;
  *) fail "PROFILE is \"$PROFILE\"; it can be dev or release" ;;
esac
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
[[ $CARGO_TARGET_DIR == /* ]] || CARGO_TARGET_DIR=$ROOT/$CARGO_TARGET_DIR
export CARGO_TARGET_DIR
BIN=$CARGO_TARGET_DIR/$BIN

# LIMITS=load widens the gateway's rate limits for measurements (decision 22).
LIMITS=${LIMITS:-default}

# Whether an address is confirmed by mail before the first sign-in. The tests make thousands of users.
EMAIL_CONFIRMATION=${EMAIL_CONFIRMATION:-$confirmation}

GATEWAY_PORT=${GATEWAY_PORT:-$((8080 + offset))}
SANDBOX_PORT=${SANDBOX_PORT:-$((8090 + offset))}
POSTGRES_PORT=${POSTGRES_PORT:-$((18432 + offset))}
REDIS_PORT=${REDIS_PORT:-$((18379 + offset))}
RABBITMQ_PORT=${RABBITMQ_PORT:-$((18672 + offset))}
RABBITMQ_MANAGEMENT_PORT=${RABBITMQ_MANAGEMENT_PORT:-$((18673 + offset))}
RABBITMQ_DIST_PORT=${RABBITMQ_DIST_PORT:-$((18674 + offset))}
RABBITMQ_EPMD_PORT=${RABBITMQ_EPMD_PORT:-$((18675 + offset))}
RABBITMQ_PROMETHEUS_PORT=${RABBITMQ_PROMETHEUS_PORT:-$((18676 + offset))}
AUTH_PORT=${AUTH_PORT:-$((18001 + offset))}
AUTH_INTERNAL_PORT=${AUTH_INTERNAL_PORT:-$((18101 + offset))}
PAYMENTS_PORT=${PAYMENTS_PORT:-$((18002 + offset))}
PAYMENTS_INTERNAL_PORT=${PAYMENTS_INTERNAL_PORT:-$((18102 + offset))}
ONBOARDING_PORT=${ONBOARDING_PORT:-$((18003 + offset))}
ONBOARDING_INTERNAL_PORT=${ONBOARDING_INTERNAL_PORT:-$((18103 + offset))}
BCM_PORT=${BCM_PORT:-$((18004 + offset))}
BCM_INTERNAL_PORT=${BCM_INTERNAL_PORT:-$((18104 + offset))}

# Processes of each service behind the gateway: 1 or 2. `make roll` brings the second for as long as it needs it.
REPLICAS=${REPLICAS:-1}
[[ $REPLICAS == [12] ]] || fail "REPLICAS is \"$REPLICAS\"; it can be 1 or 2"
# The ports of a second replica.
for name in AUTH AUTH_INTERNAL PAYMENTS PAYMENTS_INTERNAL ONBOARDING ONBOARDING_INTERNAL BCM BCM_INTERNAL; do
  first=${name}_PORT second=${name}_PORT_2
  printf -v "$second" '%s' "${!second:-$((${!first} + 10))}"
done
unset name first second

# OBSERVE=1 starts Prometheus and Alertmanager too.
OBSERVE=${OBSERVE:-}
PROMETHEUS_PORT=${PROMETHEUS_PORT:-$((18090 + offset))}
ALERTMANAGER_PORT=${ALERTMANAGER_PORT:-$((18093 + offset))}

DATABASE_NAME=groundwork
REDIS_MAXMEMORY=${REDIS_MAXMEMORY:-256mb}
RABBITMQ_VHOST=groundwork
GATEWAY_URL=http://127.0.0.1:$GATEWAY_PORT
SANDBOX_URL=http://127.0.0.1:$SANDBOX_PORT
PROMETHEUS_URL=http://127.0.0.1:$PROMETHEUS_PORT
ALERTMANAGER_URL=http://127.0.0.1:$ALERTMANAGER_PORT

# In the order in which they start: auth-svc owns the keys that the others fetch.
SERVICES=(auth-svc payments-svc onboarding-svc bcm-svc)

# Instances of your own win over the private ones. Addresses that `stack exec` itself put into the environment are not yours.
EXTERNAL_DATABASE='' EXTERNAL_REDIS='' EXTERNAL_AMQP=''
if [[ -z ${GROUNDWORK_STACK:-} ]]; then
  EXTERNAL_DATABASE=${DATABASE_ADMIN_URL:-}
  EXTERNAL_REDIS=${REDIS_URL:-}
  EXTERNAL_AMQP=${AMQP_URL:-}
  EXTERNAL_MANAGEMENT=${RABBITMQ_MANAGEMENT_URL:-}
fi

# A replica is named like its service, the second one with -2. These three know how.
# service_of REPLICA, port_of REPLICA [internal], replicas_of SERVICE
service_of() { printf '%s' "${1%-2}"; }

port_of() {
  local service name
  service=$(service_of "$1")
  name=${service%-svc}
  name=${name^^}${2:+_INTERNAL}_PORT
  [[ $1 == "$service" ]] || name+=_2
  printf '%s' "${!name}"
}

replicas_of() { printf '%s\n' "$1" "$1-2"; }
