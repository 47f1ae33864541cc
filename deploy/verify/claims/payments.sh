#!/usr/bin/env bash
# What of payments is proved by tests of `make test`: they must be there still, and the stage that runs them must have passed for this
# commit. Nothing is run again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

nextest='tests (nextest)'
tested "PhonePe's Python and Node SDKs, unmodified, drive the sandbox and validate every webhook that it can send" \
  20-phonepe-sdk deploy/test/20-phonepe-sdk.sh
tested 'golden vectors of the header hash and the HMAC of webhooks' "$nextest" services/payments-svc/src/phonepe/webhook_credentials.rs
tested "golden vector of the mail provider's webhooks, and PyPI svix as witness" "$nextest" crates/mail/src/signature/tests.rs
tested 'refunds: never more than was paid, one at a time, a failed one is followed by another' \
  "$nextest" services/payments-svc/tests/it/refunds.rs
tested 'invoices and credit notes: gapless under concurrency and failure, to the paisa, a ledger that adds up to zero' \
  "$nextest" services/payments-svc/tests/it/invoices.rs
tested 'tax is split to the paisa whatever the amount and the parts of refunds; GSTINs are checked' "$nextest" crates/domain/tests/gst.rs
tested '10,000 histories of subscriptions: no period is charged twice, no paid day is lost' \
  "$nextest" crates/domain/tests/subscription_term.rs
tested 'subscriptions in time: reminders, grace, end, trial, plan change, cancellation, payment ahead' \
  "$nextest" services/payments-svc/tests/it/subscription.rs
tested 'Autopay: approved with the first month, told and debited once, paused, revoked, ended, in both APIs' \
  "$nextest" services/payments-svc/tests/it/autopay.rs
tested 'the public problems of PhonePe integrations, each by its symptom' "$nextest" services/payments-svc/tests/it/public_problems.rs
tested "operators' commands" "$nextest" services/payments-svc/tests/it/console.rs
tested "operators' API, for operators alone" "$nextest" services/payments-svc/tests/it/operators.rs
tested 'addresses that bounced or complained get no mail' "$nextest" crates/mail/tests/it/deliveries.rs
