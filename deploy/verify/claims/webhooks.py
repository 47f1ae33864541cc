#!/usr/bin/env python3
"""A forged webhook changes nothing, a repeated one does nothing, a lost one only delays."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

from client import GATEWAY, SANDBOX, Person, expect, log, pay, row, send, settings, sql, until, weather

WEBHOOK = "/api/payments/v2/webhook"
# The reconciler wakes, asks, and the event travels: what may pass after the moment at which the check was due.
SLACK_S = 3


def authorization():
    """The header that PhonePe would send, from the settings of the running service."""
    known, prefix = settings("payments-svc"), "GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_"
    credentials = f"{known[prefix + 'USERNAME']}:{known[prefix + 'PASSWORD']}"
    return hashlib.sha256(credentials.encode()).hexdigest()


def deliver(body):
    headers = {"Authorization": authorization(), "Content-Type": "application/json"}
    return send(GATEWAY, "POST", WEBHOOK, body, headers)


def worked_on(body):
    """It was judged at least once. While Status says PENDING, a receipt that claims the end is looked at again later."""
    digest = hashlib.sha256(body).hexdigest()
    return sql(
        f"""select 1 from payments.webhook_receipt where body_sha256 = decode('{digest}', 'hex')
        and (processed_at is not null or attempts > 1)"""
    )


def everything_about(workspace):
    """What a payment could change; not when it is looked at again."""
    return sql(
        f"""select 'order', id::text, state, amount::text, coalesce(provider_reference, '') from payments.orders where workspace_id = '{workspace}'
        union all select 'subscription', id::text, status, period_end::text, '' from payments.subscription where workspace_id = '{workspace}'
        union all select 'event', event_id::text, event_type, '', '' from payments.outbox where workspace_id = '{workspace}'
        union all select 'mail', id::text, purpose_key, '', '' from payments.mail_outbox where workspace_id = '{workspace}'
        union all select 'unlock', workspace_id::text, source, '', '' from onboarding.unlock where workspace_id = '{workspace}'
        order by 1, 2"""
    )


def webhooks_of(order):
    deliveries = expect(SANDBOX, "GET", "/control/webhooks").json
    return [delivery for delivery in deliveries if delivery["merchant_order_id"] == f"{order}-1"]


def forge(template, order, amount):
    """A webhook that says the order was paid, with another amount."""
    claimed = json.loads(template)
    known = next(known for known in expect(SANDBOX, "GET", "/control/orders").json if known["merchant_order_id"] == f"{order}-1")
    claimed["payload"] |= {"merchantOrderId": f"{order}-1", "orderId": known["order_id"], "amount": amount, "state": "COMPLETED"}
    for detail in claimed["payload"].get("paymentDetails", []):
        detail["amount"] = amount
    return json.dumps(claimed).encode()


def a_tampered_one_changes_nothing(template):
    claim = "a webhook with the right header and another amount changes nothing"
    person = Person()
    order = person.order()
    before = everything_about(person.workspace)
    forged = forge(template, order, 100)
    answer = deliver(forged)
    looked_at = until("the forged webhook's processing", 20, lambda: worked_on(forged))
    after = everything_about(person.workspace)
    log("before", before, "after", after)
    unchanged = answer.status == 200 and looked_at is not None and before == after and not person.unlocked()
    # The same lie about an order that is really paid: the plan's amount stands.
    weather({"tamper_amount": 100})
    pay(order)
    paid = until("the true payment", 40, person.unlocked)
    weather()
    amounts = sql(f"select o.amount = p.monthly_amount, o.state from payments.orders o join payments.plan p on p.code = o.plan where o.id = '{order}'")
    log("paid", paid, amounts)
    row(
        unchanged and paid is not None and amounts == [["t", "completed"]],
        claim,
        f"answered {answer.status}, {'nothing' if before == after else 'something'} changed; really paid: {amounts[0][1]} at the plan's amount",
    )


def a_duplicate_does_nothing(person, template):
    claim = "a repeated webhook is answered 200 and does nothing"
    before = everything_about(person.workspace)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: deliver(template).status, range(16)))
    until("the repeats' processing", 20, lambda: worked_on(template))
    after = everything_about(person.workspace)
    log("before", before, "after", after)
    row(
        set(statuses) == {200} and before == after,
        claim,
        f"{statuses.count(200)} of {len(statuses)} answered 200, {'nothing' if before == after else 'something'} changed",
    )


def a_lost_one_only_delays():
    claim = f"a lost webhook delays the unlock by at most the reconciler's next check (+ {SLACK_S} s)"
    person = Person()
    weather({"lost": True})
    try:
        order = person.order()
        pay(order)
        due = datetime.fromisoformat(sql(f"select to_char(next_check_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') from payments.orders where id = '{order}'")[0][0])
        wait_s = max(0, (due.replace(tzinfo=timezone.utc) - datetime.now(timezone.utc)).total_seconds())
        took = until("the unlock without a webhook", wait_s + 40, person.unlocked)
    finally:
        weather()
    fates = [delivery["fate"] for delivery in webhooks_of(order)]
    log("due in", wait_s, "took", took, "fates", fates)
    row(
        took is not None and took <= wait_s + SLACK_S and set(fates) == {"lost"},
        claim,
        f"unlocked after {took:.1f} s, the check was due after {wait_s:.1f} s" if took else "never unlocked",
    )


def main():
    weather()
    person = Person()
    order = person.order()
    pay(order)
    if until("a payment in fair weather", 60, person.unlocked) is None:
        raise SystemExit("no payment, nothing to tamper with")
    until("the webhook's arrival", 20, lambda: any(delivery["fate"] == "accepted" for delivery in webhooks_of(order)))
    template = next(delivery["body"] for delivery in webhooks_of(order) if delivery["fate"] == "accepted").encode()
    until("the webhook's processing", 20, lambda: worked_on(template))
    # The mail may be on its way still: only its row is compared.
    a_duplicate_does_nothing(person, template)
    a_tampered_one_changes_nothing(template)
    a_lost_one_only_delays()


if __name__ == "__main__":
    main()
