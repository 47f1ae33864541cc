"""Autopay with the Python SDK, which knows one of its two APIs. What the other one sends is made without an SDK, and read by it."""

import json
import time

from phonepe.sdk.pg.common.exceptions import BadRequest, ExpectationFailed, ServerError
from phonepe.sdk.pg.common.models.request.pg_payment_request import PgPaymentRequest
from phonepe.sdk.pg.common.models.request.refund_request import RefundRequest
from phonepe.sdk.pg.env import Env
from phonepe.sdk.pg.subscription.v2.models.request.amount_type import AmountType
from phonepe.sdk.pg.subscription.v2.models.request.auth_workflow_type import AuthWorkflowType
from phonepe.sdk.pg.subscription.v2.models.request.frequency import Frequency
from phonepe.sdk.pg.subscription.v2.models.request.redemption_retry_strategy import RedemptionRetryStrategy
from phonepe.sdk.pg.subscription.v2.subscription_client import SubscriptionClient

from rig import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME, equal, page_setup, raises

DAY_S = 86_400
YEAR_MS = 365 * DAY_S * 1000


def client(environment):
    return SubscriptionClient(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_version=1,
        env=Env.PRODUCTION if environment == "production" else Env.SANDBOX,
        should_publish_events=False,
    )


def terms(order, mandate, **fields):
    return {
        "merchant_order_id": order,
        "merchant_subscription_id": mandate,
        "amount": 200,
        "max_amount": 50_000,
        "auth_workflow_type": AuthWorkflowType.PENNY_DROP,
        "amount_type": AmountType.VARIABLE,
        "frequency": Frequency.MONTHLY,
    } | fields


def intent(order, mandate, **fields):
    fields = {"device_os": "ANDROID", "target_app": "com.phonepe.app"} | fields
    return PgPaymentRequest.build_subscription_setup_upi_intent(**terms(order, mandate, **fields))


def collect(order, mandate, **fields):
    return PgPaymentRequest.build_subscription_setup_upi_collect(**terms(order, mandate, vpa="x@ybl", **fields))


def notice(order, mandate, amount=29_900, auto_debit=False, strategy=RedemptionRetryStrategy.STANDARD):
    return PgPaymentRequest.build_subscription_notify_request(
        merchant_order_id=order,
        merchant_subscription_id=mandate,
        amount=amount,
        redemption_retry_strategy=strategy,
        auto_debit=auto_debit,
    )


def told(sdk, merchant, about, *events):
    """The payloads of these events about one order or mandate, as the SDK reads them."""
    payloads = []
    for header, body in merchant.webhooks(about, *events):
        callback = sdk.validate_callback(USERNAME, PASSWORD, header, body)
        equal(callback.type.value, callback.event.upper().replace(".", "_"))
        payloads.append(callback.payload)
    return payloads


def approved(sandbox, sdk, mandate):
    sdk.setup(intent(f"{mandate}-setup", mandate))
    sandbox.pay(f"{mandate}-setup", "success")


def autopay(checks, sandbox, sdk, merchant):
    setups(checks, sandbox, sdk, merchant)
    debits(checks, sandbox, sdk, merchant)
    ends(checks, sandbox, sdk, merchant)
    refusals(checks, sandbox, sdk)
    hosted_page(checks, sandbox, sdk, merchant)


def setups(checks, sandbox, sdk, merchant):
    def set_up_by_intent():
        expires = int(time.time() * 1000) + YEAR_MS
        answer = sdk.setup(intent("intent-1", "mandate-1", subscription_expire_at=expires))
        equal((answer.state, answer.order_id.startswith("OMO")), ("PENDING", True))
        equal(answer.intent_url.startswith("upi://mandate?"), True)
        status = sdk.get_subscription_status("mandate-1")
        equal((status.state, status.expire_at), ("ACTIVATION_IN_PROGRESS", expires))
        order = sdk.get_order_status("intent-1")
        equal((order.state, order.amount, order.payment_details), ("PENDING", 200, []))
        flow = order.payment_flow
        equal((flow.merchant_subscription_id, flow.subscription_id), ("mandate-1", status.subscription_id))
        sandbox.pay("intent-1", "success")
        (payload,) = told(sdk, merchant, "intent-1", "subscription.setup.order.completed")
        equal((payload.state, payload.order_id, payload.merchant_id), ("COMPLETED", answer.order_id, "MERCHANTUAT"))
        flow = payload.payment_flow
        equal((flow.merchant_subscription_id, flow.subscription_id), ("mandate-1", status.subscription_id))
        equal((flow.auth_workflow_type, flow.frequency), (AuthWorkflowType.PENNY_DROP, Frequency.MONTHLY))
        equal(payload.payment_details[0].payment_mode.value, "UPI_INTENT")
        status = sdk.get_subscription_status("mandate-1")
        equal((status.state, status.amount_type, status.max_amount), ("ACTIVE", AmountType.VARIABLE, 50_000))

    def set_up_by_collect():
        answer = sdk.setup(collect("collect-1", "mandate-2", message="Monthly plan"))
        equal((answer.state, answer.intent_url), ("PENDING", None))
        sandbox.pay("collect-1", "success")
        detail = sdk.get_order_status("collect-1").payment_details[0]
        equal((detail.payment_mode.value, detail.rail.type.value), ("UPI_COLLECT", "UPI"))
        transaction = sdk.get_transaction_status(detail.transaction_id)
        equal((transaction.state, transaction.payment_details), ("COMPLETED", [detail]))

    def failed():
        sdk.setup(intent("intent-3", "mandate-3"))
        sandbox.pay("intent-3", "fail")
        (payload,) = told(sdk, merchant, "intent-3", "subscription.setup.order.failed")
        equal((payload.state, payload.error_code), ("FAILED", "AUTHORIZATION_ERROR"))
        equal(sdk.get_subscription_status("mandate-3").state, "FAILED")

    checks.run("a mandate is set up by intent, and its webhook is valid", set_up_by_intent)
    checks.run("a mandate is set up by collect", set_up_by_collect)
    checks.run("a setup that fails is told validly", failed)


def debits(checks, sandbox, sdk, merchant):
    def notified_and_redeemed():
        answer = sdk.notify(notice("debit-1", "mandate-1"))
        equal((answer.state, answer.order_id.startswith("OMO")), ("NOTIFICATION_IN_PROGRESS", True))
        (payload,) = told(sdk, merchant, "debit-1", "subscription.notification.completed")
        flow = payload.payment_flow
        equal((payload.state, flow.merchant_subscription_id, flow.auto_debit), ("NOTIFIED", "mandate-1", False))
        equal((flow.valid_after - flow.notified_at, flow.valid_upto), (DAY_S * 1000, answer.expire_at))
        order = sdk.get_order_status("debit-1")
        equal((order.state, order.payment_flow.valid_after), ("NOTIFIED", flow.valid_after))
        equal(raises(BadRequest, lambda: sdk.redeem("debit-1")).code, "REDEMPTION_TOO_EARLY")
        sandbox.advance(DAY_S)
        redeemed = sdk.redeem("debit-1")
        equal(redeemed.state, "PENDING")
        order = sdk.get_order_status("debit-1")
        detail = order.payment_details[0]
        equal((order.state, order.amount, order.order_id), ("COMPLETED", 29_900, answer.order_id))
        equal((detail.transaction_id, detail.payment_mode.value), (redeemed.transaction_id, "UPI_AUTO_PAY"))
        equal(sdk.get_transaction_status(redeemed.transaction_id).payment_details, [detail])
        events = ("subscription.redemption.transaction.completed", "subscription.redemption.order.completed")
        attempt, ended = told(sdk, merchant, "debit-1", *events)
        equal((attempt.state, attempt.payment_details), ("PENDING", [detail]))
        equal((ended.state, ended.payment_details), ("COMPLETED", [detail]))
        raises(BadRequest, lambda: sdk.redeem("debit-1"))

    def refunded():
        answer = sdk.refund(RefundRequest.build_refund_request("debit-refund", 29_900, "debit-1"))
        equal((answer.state, sdk.get_refund_status("debit-refund").state), ("PENDING", "COMPLETED"))

    def by_itself():
        sandbox.weather(auto_redeem="fail")
        sdk.notify(notice("debit-2", "mandate-1", auto_debit=True))
        raises(BadRequest, lambda: sdk.redeem("debit-2"))
        sandbox.advance(DAY_S)
        events = ("subscription.redemption.transaction.failed", "subscription.redemption.order.failed")
        attempt, ended = told(sdk, merchant, "debit-2", *events)
        equal((attempt.state, attempt.payment_details[0].state), ("PENDING", "FAILED"))
        equal((ended.state, ended.error_code, ended.detailed_error_code), ("FAILED", "INSUFFICIENT_BALANCE", "Z9"))
        equal(sdk.get_order_status("debit-2").state, "FAILED")
        sandbox.weather()

    def not_notified():
        sandbox.weather(auto_notify="fail")
        sdk.notify(notice("debit-3", "mandate-1"))
        (payload,) = told(sdk, merchant, "debit-3", "subscription.notification.failed")
        equal((payload.state, sdk.get_order_status("debit-3").state), ("FAILED", "FAILED"))
        sandbox.weather()

    checks.run("a debit is notified, redeemed a day later and no sooner, and its webhooks are valid", notified_and_redeemed)
    checks.run("a debit is refunded", refunded)
    checks.run("a debit that begins by itself and fails is told validly", by_itself)
    checks.run("a notification that fails is told validly", not_notified)


def ends(checks, sandbox, sdk, merchant):
    def is_told(mandate, event, state):
        (payload,) = told(sdk, merchant, mandate, event)
        equal((payload.merchant_subscription_id, payload.state), (mandate, state))
        status = sdk.get_subscription_status(mandate)
        equal((status.state, status.subscription_id), (state, payload.subscription_id))
        equal((status.pause_start_date, status.frequency), (payload.pause_start_date, payload.frequency))

    def by_customer():
        approved(sandbox, sdk, "mandate-4")
        for act, event, state in (
            ("pause", "subscription.paused", "PAUSED"),
            ("unpause", "subscription.unpaused", "ACTIVE"),
            ("revoke", "subscription.revoked", "REVOKED"),
        ):
            sandbox.act("mandate-4", act)
            is_told("mandate-4", event, state)
        equal(raises(BadRequest, lambda: sdk.notify(notice("debit-4", "mandate-4"))).code, "INVALID_SUBSCRIPTION_STATE")

    def by_merchant():
        approved(sandbox, sdk, "mandate-5")
        sandbox.act("mandate-5", "pause")
        equal(sdk.cancel_subscription("mandate-5"), None)
        is_told("mandate-5", "subscription.cancelled", "CANCELLED")
        raises(BadRequest, lambda: sdk.cancel_subscription("mandate-5"))

    checks.run("pause, unpause and revocation of a mandate are told validly", by_customer)
    checks.run("a paused mandate is cancelled, and its webhook is valid", by_merchant)


def refusals(checks, sandbox, sdk):
    def unknown():
        for call in (sdk.get_subscription_status, sdk.cancel_subscription, lambda mandate: sdk.notify(notice("debit-5", mandate))):
            equal(raises(BadRequest, lambda: call("nobody")).code, "INVALID_MERCHANT_SUBSCRIPTION_ID")
        for call in (sdk.get_order_status, sdk.redeem):
            equal(raises(BadRequest, lambda: call("nobody")).code, "INVALID_MERCHANT_ORDER_ID")
        raises(BadRequest, lambda: sdk.get_transaction_status("OM1"))

    def used():
        raises(ExpectationFailed, lambda: sdk.setup(intent("intent-1", "mandate-6")))
        raises(ExpectationFailed, lambda: sdk.setup(intent("intent-6", "mandate-1")))
        raises(ExpectationFailed, lambda: sdk.notify(notice("debit-1", "mandate-1")))

    def limits():
        transaction = AuthWorkflowType.TRANSACTION
        for fields in (
            {"amount": 201},
            {"amount": 99, "auth_workflow_type": transaction},
            {"amount": 300, "auth_workflow_type": transaction, "amount_type": AmountType.FIXED},
            {"max_amount": 99},
            {"frequency": "HOURLY"},
            {"subscription_expire_at": int(time.time() * 1000) + 31 * YEAR_MS},
            {"order_expire_at": 1},
        ):
            raises(BadRequest, lambda: sdk.setup(intent("limits-1", "mandate-7", **fields)))
        raises(BadRequest, lambda: sdk.setup(collect("limits-1", "mandate 7")))
        for fields in ({"amount": 50_001}, {"auto_debit": True, "strategy": RedemptionRetryStrategy.CUSTOM}):
            raises(BadRequest, lambda: sdk.notify(notice("limits-2", "mandate-1", **fields)))

    def hidden():
        sandbox.weather(notify={"http_status": 500, "after_commit": True})
        raises(ServerError, lambda: sdk.notify(notice("debit-6", "mandate-1")))
        sandbox.weather()
        equal(sdk.get_order_status("debit-6").state, "NOTIFIED")

    checks.run("unknown mandates, orders and transactions are refused", unknown)
    checks.run("used ids of orders and mandates are refused with 417", used)
    checks.run("limits of setup and notification are held", limits)
    checks.run("a notification that was answered with 500 may have been made", hidden)


def hosted_page(checks, sandbox, sdk, merchant):
    def whole():
        host = sandbox.merchant_calls()
        for order, outcome, event, state in (
            ("page-1", "success", "completed", "COMPLETED"),
            ("page-2", "fail", "failed", "FAILED"),
        ):
            host("/checkout/v2/pay", page_setup(order, f"{order}-mandate"))
            sandbox.pay(order, outcome)
            ((header, body),) = merchant.webhooks(order, f"checkout.order.{event}")
            equal(sdk.validate_callback(USERNAME, PASSWORD, header, body).payload.state, state)
            equal(json.loads(body)["payload"]["paymentFlow"]["type"], "SUBSCRIPTION_CHECKOUT_SETUP")
        flow = {"type": "SUBSCRIPTION_CHECKOUT_REDEMPTION", "merchantSubscriptionId": "page-1-mandate"}
        host("/checkout/v2/subscriptions/notify", {"merchantOrderId": "page-debit", "amount": 29_900, "paymentFlow": flow})
        sandbox.advance(DAY_S)
        host("/checkout/v2/subscriptions/redeem", {"merchantOrderId": "page-debit"})
        events = ("notification.completed", "redemption.transaction.completed", "redemption.order.completed")
        payloads = told(sdk, merchant, "page-debit", *(f"subscription.{event}" for event in events))
        equal([payload.state for payload in payloads], ["NOTIFIED", "PENDING", "COMPLETED"])
        host("/checkout/v2/subscriptions/page-1-mandate/cancel")
        equal(told(sdk, merchant, "page-1-mandate", "subscription.cancelled")[0].state, "CANCELLED")

    def unknown_to_the_other():
        for call in (sdk.get_subscription_status, sdk.cancel_subscription):
            equal(raises(BadRequest, lambda: call("page-1-mandate")).code, "INVALID_MERCHANT_SUBSCRIPTION_ID")
        equal(raises(BadRequest, lambda: sdk.get_order_status("page-1")).code, "INVALID_MERCHANT_ORDER_ID")

    checks.run("every webhook of a mandate set up on the hosted page is valid", whole)
    checks.run("a mandate of the hosted page is unknown to the other API", unknown_to_the_other)
