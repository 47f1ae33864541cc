#!/usr/bin/env bash
# Secrets and personal data stay where they belong: a journey, refusals and poison are made with unique words, which are then
# looked for in every log, in /metrics, in error answers, in the audit log and in the list of dead letters.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bin=${CARGO_TARGET_DIR:-target}/debug
services=(auth-svc payments-svc onboarding-svc bcm-svc)
work=$(mktemp -d)
run=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
poison=0199a2b4-0000-7000-8000-${run:0:12}
planted=
console() ( # SERVICE ARGUMENTS…
  service=$1
  shift
  mapfile -t pairs <"$STATE_DIR/services/$service.env"
  export "${pairs[@]}"
  "$bin/$service" "$@"
)
# The letters that this test makes end with it, however it ends.
clean() {
  if [[ -n $planted ]]; then
    for service in "${services[@]}"; do
      console "$service" dead-letters drop --id "$poison" --why 'planted by a test' >/dev/null ||
        printf 'the dead letter %s of %s is still there\n' "$poison" "$service" >&2
    done
  fi
  rm -rf "$work"
}
trap clean EXIT

email=canary-mail-$run@example.test
password=canary-password-$run
token=canary-token-$run
phonepe=canary-phonepe-$run
answer=canary-answer-$run
setting() { sed -n "s/^$2=//p" "$STATE_DIR/services/$1.env"; }
client_secret=$(setting sandbox SANDBOX_CLIENT_SECRET)
webhook_password=$(setting sandbox SANDBOX_WEBHOOK_PASSWORD)
mail_secret=$(setting sandbox SANDBOX_RESEND_WEBHOOK_SECRET)
credentials=$(printf 'groundwork:%s' "$webhook_password" | sha256sum | cut -d' ' -f1)

# What an error answers is kept; a success may say to its own user what is theirs.
asked=0
ask() { # STATUS CURL-ARGUMENTS…
  local wanted=$1 status
  shift
  asked=$((asked + 1))
  status=$(curl -sS -m 30 -o "$work/answer" -w '%{http_code}' "$@")
  if [[ $status != "$wanted" ]]; then
    printf 'wanted %s, got %s from %s: %s\n' "$wanted" "$status" "${*: -1}" "$(head -c 300 "$work/answer")" >&2
    exit 1
  fi
  if ((status >= 400)); then cat "$work/answer" >>"$work/error-answers"; fi
}
json=(-H 'Content-Type: application/json')
url=$GATEWAY_URL

# A whole journey: the mail about the payment goes to the address.
"$bin/journey" demo --email "$email" --password "$password" >/dev/null
ask 200 "${json[@]}" -d "{\"email\":\"$email\",\"password\":\"$password\"}" "$url/auth/v1/token?grant_type=password"
access=$(jq -r .access_token "$work/answer")
refresh=$(jq -r .refresh_token "$work/answer")
ask 200 "${json[@]}" -d "{\"refresh_token\":\"$refresh\"}" "$url/auth/v1/token?grant_type=refresh_token"
signature=${access##*.}

# An answer goes the whole way: into the draft, by the event into the manifest.
ask 200 -D "$work/headers" -H "Authorization: Bearer $access" "$url/api/onboarding/steps/company"
etag=$(sed -n 's/^etag: *//Ip' "$work/headers" | tr -d '\r')
# The name is what the budget of a manifest never takes away.
jq --arg answer "$answer" '{answer: (.answer + {company_name: $answer})}' "$work/answer" >"$work/company"
ask 200 -H "Authorization: Bearer $access" "${json[@]}" -H "If-Match: $etag" -d @"$work/company" "$url/api/onboarding/steps/company/complete"
ask 202 -H "Authorization: Bearer $access" "${json[@]}" -H "Idempotency-Key: $run" -d '{}' "$url/api/onboarding/finalize"
for _ in {1..60}; do
  ask 200 -H "Authorization: Bearer $access" "$url/api/context/manifest"
  if grep -qF "$answer" "$work/answer"; then break; fi
  sleep 0.5
done
grep -qF "$answer" "$work/answer" || { printf 'the manifest does not have the answer\n' >&2; exit 1; }

# Refusals of every kind, with the secret in the place where it would be.
ask 400 "${json[@]}" -d "{\"email\":\"$email\",\"password\":\"not-$password\"}" "$url/auth/v1/token?grant_type=password"
ask 422 "${json[@]}" -d "{\"email\":\"$email\",\"password\":\"$password\"}" "$url/auth/v1/signup"
ask 400 "${json[@]}" -d "{\"refresh_token\":\"$token\"}" "$url/auth/v1/token?grant_type=refresh_token"
ask 401 -H "Authorization: Bearer $token" "$url/api/onboarding"
ask 401 -H "Authorization: Bearer $token.$token.$token" "$url/api/context/manifest"
ask 403 -H "Authorization: Bearer $access" "$url/api/admin/payments/dead-letters"
ask 401 -H "Authorization: $token" -d "{\"event\":\"$phonepe\",\"payload\":{\"merchantOrderId\":\"$phonepe\"}}" "$url/api/payments/v2/webhook"
ask 200 -H "Authorization: $credentials" -d "{\"event\":\"pg.$phonepe\",\"payload\":{\"note\":\"$phonepe\"}}" "$url/api/payments/v2/webhook"
ask 400 -H "Authorization: $credentials" -d "$phonepe" "$url/api/payments/v2/webhook"
for path in auth payments/v2 onboarding; do
  ask 401 -H "svix-id: $token" -H "svix-timestamp: $(date +%s)" -H "svix-signature: v1,$token" \
    -d "{\"type\":\"email.bounced\",\"data\":{\"email_id\":\"$token\",\"to\":[\"$email\"]}}" "$url/api/$path/mail/webhook"
done
ask 422 -H "Authorization: Bearer $access" "${json[@]}" -d "{\"plan\":1,\"cycle\":\"$phonepe\"}" "$url/api/payments/v2/initiate"
ask 422 -H "Authorization: Bearer $access" "${json[@]}" -d "{\"password\":\"$password\"}" "$url/api/auth/ensure-profile"
ask 422 -X PUT -H "Authorization: Bearer $access" "${json[@]}" -H "If-Match: $etag" -d "{\"answer\":{\"founded_year\":\"$answer\"}}" \
  "$url/api/onboarding/steps/company/draft"

# What a mail's link and an authenticator app hold, used and tried in the wrong place.
ask 200 "${json[@]}" -d "{\"email\":\"$email\"}" "$url/auth/v1/recover"
link=
for _ in {1..120}; do
  link=$(curl -fsS -m 30 "$SANDBOX_URL/control/mails" | jq -r --arg to "$email" \
    '[.[] | select(.to[0] == $to and .subject == "Set a new password")][0].text // "" | capture("token_hash=(?<link>[A-Za-z0-9_-]+)").link // ""')
  if [[ -n $link ]]; then break; fi
  sleep 0.5
done
[[ -n $link ]] || { printf 'no mail with a link came to %s\n' "$email" >&2; exit 1; }
ask 403 "${json[@]}" -d "{\"type\":\"signup\",\"token_hash\":\"$link\"}" "$url/auth/v1/verify"
ask 303 "$url/auth/v1/verify?token=$link&type=recovery&redirect_to=http://127.0.0.1/$token"
ask 200 -H "Authorization: Bearer $access" "${json[@]}" -d '{"factor_type":"totp"}' "$url/auth/v1/factors"
factor=$(jq -r .totp.secret "$work/answer")

# A browser's cookie, and the key of a server, where they belong and where they do not.
ask 200 -D "$work/headers" "${json[@]}" -H 'X-Session-Mode: cookie' -d "{\"email\":\"$email\",\"password\":\"$password\"}" \
  "$url/auth/v1/token?grant_type=password"
cookie=$(sed -nE 's/^set-cookie: groundwork-refresh=([^;]+);.*/\1/Ip' "$work/headers")
[[ -n $cookie ]] || { printf 'the browser got no cookie\n' >&2; exit 1; }
ask 200 -H 'X-Session-Mode: cookie' -H "Cookie: groundwork-refresh=$cookie" "${json[@]}" -d '{}' "$url/auth/v1/token?grant_type=refresh_token"
ask 400 -H 'X-Session-Mode: cookie' -H "Cookie: groundwork-refresh=$token" "${json[@]}" -d '{}' "$url/auth/v1/token?grant_type=refresh_token"
console auth-svc service-keys create canary --why 'a test' --json >"$work/service-key"
key=$(jq -r .key "$work/service-key")
ask 200 -H "Authorization: Bearer $key" "$url/auth/v1/admin/users"
ask 422 -H "Authorization: Bearer $key" "${json[@]}" -d "{\"email\":\"$email\",\"password\":\"$password\"}" "$url/auth/v1/admin/users"
ask 401 -H "Authorization: Bearer $key" "$url/api/auth/verify-profile"
console auth-svc service-keys revoke "$(jq -r .id "$work/service-key")" --why 'a test' >/dev/null

# Poison in a queue of each service: an event whose first value is of the wrong type, as a parser's message would quote it.
vhost=groundwork
planted=yes
for queue in auth-svc.payments.v1 payments-svc.identity.v1 onboarding-svc.payments.v1 bcm-svc.onboarding.v1; do
  jq -n --arg queue "$queue" --arg id "$poison" --arg payload "{\"amount\":\"$phonepe\",\"email\":\"$email\",\"answer\":\"$answer\"}" '{properties: {
    delivery_mode: 2, content_type: "application/json", headers: {
    cloudEvents_specversion: "1.0", cloudEvents_id: $id, cloudEvents_source: "/canary",
    cloudEvents_type: "payments.payment.confirmed.v1", cloudEvents_subject: "canary", cloudEvents_time: "2026-01-01T00:00:00Z",
    cloudEvents_dataschema: "urn:canary", cloudEvents_sequence: "1"}}, routing_key: $queue, $payload, payload_encoding: "string"}' |
    curl -fsS -m 30 -o /dev/null "${json[@]}" -d @- "$RABBITMQ_MANAGEMENT_URL/api/exchanges/$vhost/groundwork.return/publish"
done
for service in "${services[@]}"; do
  for _ in {1..60}; do
    console "$service" dead-letters list --id "$poison" --json >"$work/dead-letters-$service"
    if [[ -s $work/dead-letters-$service ]]; then break; fi
    sleep 0.5
  done
  [[ $(jq -r .reason "$work/dead-letters-$service") == malformed_data ]] || {
    printf 'the poison of %s did not come as far as the parser: %s\n' "$service" "$(cat "$work/dead-letters-$service")" >&2
    exit 1
  }
done

# A sentence of the mail that was sent shows that its body was in the process.
mail=$(curl -fsS -m 30 "$SANDBOX_URL/resend/inbox" | grep -c "$email" || true)
((mail > 0)) || { printf 'the sandbox got no mail to %s\n' "$email" >&2; exit 1; }

for service in "${services[@]}"; do
  curl -fsS -m 30 "http://$(setting "$service" GROUNDWORK__HTTP__INTERNAL_ADDR)/metrics" >"$work/metrics-$service"
done
for schema in identity payments onboarding bcm; do
  psql "$DATABASE_ADMIN_URL" -XAtc "select to_jsonb(row) from $schema.audit_log row" >>"$work/audit-log"
done
sleep 1.5 # the gateway's log is written at least once a second

words=("$email" "$password" "$token" "$phonepe" "$answer" "$client_secret" "$webhook_password" "${mail_secret#whsec_}" "$credentials" "$refresh" "$signature" "$link" "$factor" "$cookie" "$key"
  'Your payment has arrived')
printf '%s\n' "${words[@]}" >"$work/words"
places=("$STATE_DIR/logs" "$work/error-answers" "$work/audit-log" "$work"/metrics-* "$work"/dead-letters-*)
search() { grep -rnaF -f "$work/words" "$@"; }

# The search finds what is there.
printf 'a line with %s\n' "$phonepe" >"$work/planted"
search "$work/planted" >/dev/null || { printf 'the search finds nothing\n' >&2; exit 1; }
for place in "${places[@]}"; do [[ -s $place || -d $place ]] || { printf '%s is empty\n' "$place" >&2; exit 1; }; done
found=0
search "${places[@]}" >"$work/found" || found=$?
case $found in
  0)
    cut -c 1-400 "$work/found"
    printf 'a secret or personal word is where it does not belong\n' >&2
    exit 1
    ;;
  1) ;;
  *)
    printf 'a place could not be searched\n' >&2
    exit 1
    ;;
esac
# The requests of this test are in what was searched.
grep -rqaF /api/admin/payments/dead-letters "$STATE_DIR/logs" || { printf 'the logs do not hold this test\n' >&2; exit 1; }
printf '%s words, %s requests, %s places: nothing found\n' "${#words[@]}" "$asked" "${#places[@]}"
