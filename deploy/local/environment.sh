# shellcheck shell=bash
# The addresses and secrets that services and tests get. Names of settings stand here and nowhere else.

# STATE_DIR/env: what tests need, in lines of KEY=VALUE without quotes.
# STATE_DIR/services/<replica>.env: what one process needs, in the same form.

# Sets the administrator's addresses of the three dependencies.
addresses() {
  local rest
  if [[ -n $EXTERNAL_DATABASE ]]; then
    [[ $EXTERNAL_DATABASE =~ ^postgres(ql)?://([^@/]*@)?([^/]+)/([^?]+)(\?.*)?$ ]] ||
      fail "DATABASE_ADMIN_URL is not of the form postgres://user:password@host:port/database"
    rest=${BASH_REMATCH[3]}/${BASH_REMATCH[4]}${BASH_REMATCH[5]}
    DATABASE_ADMIN_URL=$EXTERNAL_DATABASE
  else
    rest=127.0.0.1:$POSTGRES_PORT/$DATABASE_NAME
    DATABASE_ADMIN_URL=postgres://postgres:$POSTGRES_PASSWORD@$rest
  fi
  DATABASE_HOST_AND_NAME=$rest
  REDIS_URL=${EXTERNAL_REDIS:-redis://:$REDIS_PASSWORD@127.0.0.1:$REDIS_PORT/0}
  if [[ -n $EXTERNAL_AMQP ]]; then
    AMQP_ADMIN_URL=$EXTERNAL_AMQP
    RABBITMQ_MANAGEMENT_URL=$EXTERNAL_MANAGEMENT
  else
    AMQP_ADMIN_URL=amqp://admin:$RABBITMQ_ADMIN_PASSWORD@127.0.0.1:$RABBITMQ_PORT/$RABBITMQ_VHOST
    RABBITMQ_MANAGEMENT_URL=http://admin:$RABBITMQ_ADMIN_PASSWORD@127.0.0.1:$RABBITMQ_MANAGEMENT_PORT
  fi
}

# secret_of SERVICE KIND: KIND is RUNTIME, OWNER or AMQP.
secret_of() {
  local name=${1%-svc}
  name=${name^^}_$2_PASSWORD
  printf '%s' "${!name}"
}

amqp_of() {
  if [[ -n $EXTERNAL_AMQP ]]; then
    printf '%s' "$EXTERNAL_AMQP"
  else
    printf 'amqp://%s:%s@127.0.0.1:%s/%s' "${1//-/_}" "$(secret_of "$1" AMQP)" "$RABBITMQ_PORT" "$RABBITMQ_VHOST"
  fi
}

environment_write() {
  local svc replica
  write_for stack env <<ENV
GROUNDWORK_STACK=$STACK
STATE_DIR=$STATE_DIR
GATEWAY_URL=$GATEWAY_URL
SANDBOX_URL=$SANDBOX_URL
DATABASE_ADMIN_URL=$DATABASE_ADMIN_URL
REDIS_URL=$REDIS_URL
AMQP_ADMIN_URL=$AMQP_ADMIN_URL
RABBITMQ_MANAGEMENT_URL=$RABBITMQ_MANAGEMENT_URL
PROMETHEUS_URL=$PROMETHEUS_URL
ALERTMANAGER_URL=$ALERTMANAGER_URL
TEST_ROLE_PASSWORDS=$(role_passwords)
ENV
  for svc in "${SERVICES[@]}"; do
    for replica in $(replicas_of "$svc"); do
      { environment_of_any "$replica" && "environment_of_${svc%-svc}"; } | write_for stack "services/$replica.env"
    done
  done
  environment_of_sandbox | write_for stack services/sandbox.env
}

environment_of_any() {
  local service role
  service=$(service_of "$1")
  role=${service//-/_}
  cat <<ENV
DATABASE_URL=postgres://$role:$(secret_of "$service" RUNTIME)@$DATABASE_HOST_AND_NAME
DATABASE_OWNER_URL=postgres://${role}_owner:$(secret_of "$service" OWNER)@$DATABASE_HOST_AND_NAME
REDIS_URL=$REDIS_URL
AMQP_URL=$(amqp_of "$service")
GROUNDWORK__HTTP__PUBLIC_ADDR=127.0.0.1:$(port_of "$1")
GROUNDWORK__HTTP__INTERNAL_ADDR=127.0.0.1:$(port_of "$1" internal)
GROUNDWORK__AUTH__ISSUER=$GATEWAY_URL/auth/v1
GROUNDWORK__AUTH__JWKS_URL=http://127.0.0.1:$AUTH_PORT/auth/v1/.well-known/jwks.json
GROUNDWORK__LIMITS__PROFILE=$LIMITS
ENV
}

# role=password,… for every runtime and owner role.
role_passwords() {
  local svc role passwords=''
  for svc in "${SERVICES[@]}"; do
    role=${svc//-/_}
    passwords+="${passwords:+,}$role=$(secret_of "$svc" RUNTIME),${role}_owner=$(secret_of "$svc" OWNER)"
  done
  printf '%s' "$passwords"
}

environment_of_auth() {
  cat <<ENV
DATABASE_ADMIN_URL=$DATABASE_ADMIN_URL
GROUNDWORK__BOOTSTRAP__ROLE_PASSWORDS=$(role_passwords)
GROUNDWORK__AUTH_SVC__PUBLIC_URL=$GATEWAY_URL
GROUNDWORK__AUTH_SVC__EMBEDDED__KEY_ENCRYPTION_SECRET=$AUTH_KEY_ENCRYPTION_SECRET
GROUNDWORK__AUTH_SVC__EMBEDDED__EMAIL_CONFIRMATION=$EMAIL_CONFIRMATION
$(environment_of_mail)
ENV
}

environment_of_mail() {
  cat <<ENV
RESEND_URL=$SANDBOX_URL/resend
RESEND_API_KEY=$RESEND_API_KEY
RESEND_WEBHOOK_SECRET=$(resend_webhook_secret)
ENV
}

# Hexadecimal digits, four by four, are base64 too.
resend_webhook_secret() { printf 'whsec_%.32s' "$RESEND_WEBHOOK_KEY"; }

environment_of_payments() {
  cat <<ENV
GROUNDWORK__PAYMENTS__PUBLIC_URL=$GATEWAY_URL
$(environment_of_mail)
GROUNDWORK__PAYMENTS__PHONEPE__OAUTH_URL=$SANDBOX_URL/apis/identity-manager
GROUNDWORK__PAYMENTS__PHONEPE__PAYMENT_URL=$SANDBOX_URL/apis/pg
$(environment_of_phonepe GROUNDWORK__PAYMENTS__PHONEPE__)
ENV
}

# One merchant's credentials, known to both sides.
environment_of_phonepe() {
  cat <<ENV
$1CLIENT_ID=groundwork-local
$1CLIENT_SECRET=$PHONEPE_CLIENT_SECRET
$1CLIENT_VERSION=1
$1WEBHOOK_USERNAME=groundwork
$1WEBHOOK_PASSWORD=$PHONEPE_WEBHOOK_PASSWORD
ENV
}

environment_of_onboarding() {
  cat <<ENV
GROUNDWORK__ONBOARDING__PUBLIC_URL=$GATEWAY_URL
$(environment_of_mail)
ENV
}

environment_of_bcm() {
  cat <<ENV
GROUNDWORK__BCM__SIGNING__KEY_ENCRYPTION_SECRET=$BCM_KEY_ENCRYPTION_SECRET
ENV
}

environment_of_sandbox() {
  cat <<ENV
SANDBOX_ADDR=127.0.0.1:$SANDBOX_PORT
SANDBOX_PUBLIC_URL=$SANDBOX_URL
SANDBOX_WEBHOOK_URL=$GATEWAY_URL/api/payments/v2/webhook
$(environment_of_phonepe SANDBOX_)
SANDBOX_RESEND_API_KEY=$RESEND_API_KEY
SANDBOX_RESEND_WEBHOOK_URLS=$GATEWAY_URL/api/auth/mail/webhook,$GATEWAY_URL/api/payments/v2/mail/webhook,$GATEWAY_URL/api/onboarding/mail/webhook
SANDBOX_RESEND_WEBHOOK_SECRET=$(resend_webhook_secret)
ENV
}
