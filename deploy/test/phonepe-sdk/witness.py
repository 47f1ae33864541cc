"""PhonePe's Python SDK against the sandbox: what the SDK sends, the sandbox takes; what the sandbox sends, it reads.

Usage: `witness.py BINARY direct|sandbox|production`. With `direct` the SDK is given the sandbox's address. Otherwise it
is as PhonePe ships it, and what it asks of that environment's hosts goes through a proxy.
"""

import contextlib
import logging
import os
import sys
import time

import phonepe.sdk.pg.env as phonepe_env
from phonepe.sdk.pg.common.exceptions import (
    BadRequest,
    ClientError,
    ExpectationFailed,
    PhonePeException,
    ServerError,
    TooManyRequests,
    UnauthorizedAccess,
)
from phonepe.sdk.pg.common.models.request.meta_info import MetaInfo
from phonepe.sdk.pg.common.models.request.refund_request import RefundRequest
from phonepe.sdk.pg.env import Env
from phonepe.sdk.pg.payments.v2.models.request.create_sdk_order_request import CreateSdkOrderRequest
from phonepe.sdk.pg.payments.v2.models.request.standard_checkout_pay_request import StandardCheckoutPayRequest
from phonepe.sdk.pg.payments.v2.standard_checkout_client import StandardCheckoutClient
from requests.exceptions import SSLError

import autopay
from hosts import Hosts
from rig import (
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    USERNAME,
    Checks,
    Merchant,
    Sandbox,
    end_with_children,
    equal,
    raises,
    reached,
)

RETURN_URL = "https://shop.example/pay/return?o=1"
FAILURES = {
    400: BadRequest,
    401: UnauthorizedAccess,
    429: TooManyRequests,
    500: ServerError,
}


def client(environment, secret=CLIENT_SECRET):
    return StandardCheckoutClient(
        client_id=CLIENT_ID,
        client_secret=secret,
        client_version=1,
        env=Env.PRODUCTION if environment == "production" else Env.SANDBOX,
        should_publish_events=False,
    )


def request(order, **fields):
    return StandardCheckoutPayRequest.build_request(
        **({"merchant_order_id": order, "amount": 49900, "redirect_url": RETURN_URL} | fields)
    )


def main(binary, environment):
    logging.disable(logging.CRITICAL)
    end_with_children()
    merchant = Merchant()
    checks = Checks()
    # Whatever was started is ended, even when a signal comes while another part ends.
    with contextlib.ExitStack() as started:
        sandbox = Sandbox(binary, merchant.url)
        started.callback(sandbox.stop)
        if environment == "direct":
            # The SDK takes no address; its getters read these two when they are called.
            phonepe_env.SANDBOX_PG_BASE_URL = f"{sandbox.url}/apis/pg-sandbox"
            phonepe_env.SANDBOX_OAUTH_BASE_URL = f"{sandbox.url}/apis/pg-sandbox"
        else:
            hosts = Hosts(sandbox.url)
            started.callback(hosts.close)
            os.environ.update(hosts.variables())
        sdk = client(environment)
        started.callback(sdk.close)
        tokens(checks, sandbox, sdk, environment)
        orders(checks, sandbox, sdk)
        webhooks(checks, sandbox, sdk, merchant)
        refunds(checks, sandbox, sdk, merchant)
        weather(checks, sandbox, sdk)
        # Last, because it moves the sandbox's clock.
        mandates = autopay.client(environment)
        started.callback(mandates.close)
        autopay.autopay(checks, sandbox, mandates, merchant)
        if environment != "direct":
            trust(checks, environment)
            reached(checks, hosts, environment, autopay=True)
    return checks.close()


def trust(checks, environment):
    def unknown_authority():
        authority = os.environ.pop("REQUESTS_CA_BUNDLE")
        sdk = client(environment)
        try:
            raises(SSLError, lambda: sdk.get_order_status("pay-1"))
        finally:
            sdk.close()
            os.environ["REQUESTS_CA_BUNDLE"] = authority

    checks.run("a certificate of an unknown authority ends the connection", unknown_authority)


def tokens(checks, sandbox, sdk, environment):
    def wrong_secret():
        error = raises(BadRequest, lambda: client(environment, secret="wrong"))
        equal(error.code, "OIM000")
        equal(error.data, {"error_description": "Client authentication failure"})

    def revoked():
        sdk.pay(request("token-1"))
        sandbox.weather(token_revoked=True)
        raises(UnauthorizedAccess, lambda: sdk.pay(request("token-2")))
        equal(sdk.pay(request("token-2")).state, "PENDING")
        sandbox.weather()

    checks.run("a wrong secret is refused in the token endpoint's shape", wrong_secret)
    checks.run("a revoked token is refused and the next one works", revoked)


def orders(checks, sandbox, sdk):
    def created():
        before = time.time() * 1000
        meta = MetaInfo.build_meta_info(udf1="cust_42")
        answer = sdk.pay(request("pay-1", expire_after=1200, meta_info=meta, message="Plan"))
        equal(answer.state, "PENDING")
        equal(answer.order_id.startswith("OMO"), True)
        equal(answer.redirect_url.startswith(f"{sandbox.url}/pay/"), True)
        equal(1_190_000 < answer.expire_at - before < 1_210_000, True)

    def open_order():
        status = sdk.get_order_status("pay-1")
        equal((status.state, status.amount, status.payment_details), ("PENDING", 49900, []))
        equal(status.meta_info.udf1, "cust_42")

    def paid_by(mode, payment_mode, rail, instrument):
        order = f"paid-{mode}"
        sdk.pay(request(order))
        sandbox.pay(order, "success", mode)
        status = sdk.get_order_status(order, details=True)
        detail = status.payment_details[0]
        equal((status.state, status.payable_amount, status.fee_amount), ("COMPLETED", 49900, 0))
        equal((detail.state, detail.payment_mode.value), ("COMPLETED", payment_mode))
        equal((detail.rail.type.value, detail.instrument.type.value), (rail, instrument))
        equal(detail.split_instruments[0].amount, 49900)

    def failed():
        sdk.pay(request("failed-1"))
        sandbox.pay("failed-1", "fail")
        status = sdk.get_order_status("failed-1")
        equal((status.state, status.error_code, status.detailed_error_code), ("FAILED", "AUTHORIZATION_ERROR", "ZM"))

    def attempts():
        sdk.pay(request("attempts-1"))
        sandbox.pay("attempts-1", "attempt_failed")
        equal(sdk.get_order_status("attempts-1").state, "PENDING")
        sandbox.pay("attempts-1", "success")
        states = lambda details: [it.state for it in sdk.get_order_status("attempts-1", details).payment_details]
        equal((states(False), states(True)), (["COMPLETED"], ["FAILED", "COMPLETED"]))

    def transaction():
        first, last = sdk.get_order_status("attempts-1", True).payment_details
        for attempt in (first, last):
            status = sdk.get_transaction_status(attempt.transaction_id)
            equal((status.state, status.payment_details), ("COMPLETED", [attempt]))
        raises(BadRequest, lambda: sdk.get_transaction_status("OM1"))

    def duplicate():
        error = raises(ExpectationFailed, lambda: sdk.pay(request("pay-1")))
        equal(error.code, "INVALID_TRANSACTION_ID")

    def unknown():
        error = raises(BadRequest, lambda: sdk.get_order_status("nobody"))
        equal(error.code, "INVALID_MERCHANT_ORDER_ID")

    def limits():
        for fields in ({"amount": 99}, {"amount": 1.5}, {"expire_after": 299}, {"expire_after": 3601}, {"redirect_url": None}):
            equal(raises(BadRequest, lambda: sdk.pay(request("limits-1", **fields))).code, "BAD_REQUEST")
        for order in ("a" * 64, "a b", "a/b"):
            raises(BadRequest, lambda: sdk.pay(request(order)))

    def for_the_app():
        body = CreateSdkOrderRequest.build_standard_checkout_request("sdk-1", 49900)
        answer = sdk.create_sdk_order(body)
        equal((answer.state, answer.order_id.startswith("OMO"), bool(answer.token)), ("PENDING", True, True))
        equal(sdk.get_order_status("sdk-1").state, "PENDING")

    checks.run("an order is created", created)
    checks.run("an order for PhonePe's mobile SDK has a token", for_the_app)
    checks.run("an open order has no attempt", open_order)
    checks.run("an order paid by UPI reads whole", lambda: paid_by("upi", "UPI_INTENT", "UPI", "ACCOUNT"))
    checks.run("an order paid by card reads whole", lambda: paid_by("card", "CARD", "PG", "CREDIT_CARD"))
    checks.run("a failed order tells its codes", failed)
    checks.run("details decides between the latest attempt and all", attempts)
    checks.run("a transaction is shown with its order", transaction)
    checks.run("a used id is refused with 417", duplicate)
    checks.run("an unknown order is refused", unknown)
    checks.run("limits are held", limits)


def webhooks(checks, sandbox, sdk, merchant):
    def validated(order, outcome, mode, event, kind, state):
        sandbox.pay(order, outcome, mode)
        header, body = merchant.webhook(order)
        callback = sdk.validate_callback(USERNAME, PASSWORD, header, body)
        payload = callback.payload
        equal((callback.event, callback.type.value), (event, kind))
        equal((payload.merchant_order_id, payload.merchant_id), (order, "MERCHANTUAT"))
        equal((payload.state, payload.amount), (state, 49900))
        return header, body

    def completed(mode):
        order = f"hook-{mode}"
        sdk.pay(request(order, meta_info=MetaInfo.build_meta_info(udf1="x")))
        validated(order, "success", mode, "checkout.order.completed", "CHECKOUT_ORDER_COMPLETED", "COMPLETED")

    def attempt_and_failure():
        sdk.pay(request("hook-failed"))
        event = "checkout.transaction.attempt.failed"
        validated("hook-failed", "attempt_failed", "upi", event, "CHECKOUT_TRANSACTION_ATTEMPT_FAILED", "PENDING")
        validated("hook-failed", "fail", "card", "checkout.order.failed", "CHECKOUT_ORDER_FAILED", "FAILED")

    def tampered():
        sandbox.weather(webhook={"tamper_amount": 100})
        sdk.pay(request("hook-tampered"))
        sandbox.pay("hook-tampered", "success")
        header, body = merchant.webhook("hook-tampered")
        equal(sdk.validate_callback(USERNAME, PASSWORD, header, body).payload.amount, 100)

    def wrong_credentials():
        sandbox.weather(webhook={"wrong_credentials": True})
        sdk.pay(request("hook-wrong"))
        sandbox.pay("hook-wrong", "success")
        header, body = merchant.webhook("hook-wrong")
        raises(PhonePeException, lambda: sdk.validate_callback(USERNAME, PASSWORD, header, body))
        sandbox.weather()

    checks.run("the webhook of a payment by UPI is valid", lambda: completed("upi"))
    checks.run("the webhook of a payment by card is valid", lambda: completed("card"))
    checks.run("the webhooks of a failed attempt and a failed order are valid", attempt_and_failure)
    checks.run("a webhook with a tampered amount is valid to the SDK, which is why nobody may trust one", tampered)
    checks.run("a webhook with wrong credentials is not valid", wrong_credentials)


def refunds(checks, sandbox, sdk, merchant):
    def asked(refund, order, amount=100):
        body = RefundRequest.build_refund_request(refund, amount, order)
        return sdk.refund(body)

    def paid(order):
        sdk.pay(request(order))
        sandbox.pay(order, "success")

    def told(refund, event, kind, state):
        header, body = merchant.webhook(refund)
        callback = sdk.validate_callback(USERNAME, PASSWORD, header, body)
        payload = callback.payload
        equal((callback.event, callback.type.value), (event, kind))
        equal((payload.merchant_refund_id, payload.original_merchant_order_id), (refund, "refund-1"))
        equal((payload.state, payload.amount), (state, 100))

    def completed():
        sandbox.weather(auto_refund="none")
        paid("refund-1")
        answer = asked("refund-1-a", "refund-1")
        equal((answer.state, answer.amount, answer.refund_id.startswith("OMR")), ("PENDING", 100, True))
        for step, event, kind, state in (
            ("confirm", "pg.refund.accepted", "PG_REFUND_ACCEPTED", "CONFIRMED"),
            ("complete", "pg.refund.completed", "PG_REFUND_COMPLETED", "COMPLETED"),
        ):
            sandbox.refund("refund-1-a", step)
            told("refund-1-a", event, kind, state)
            status = sdk.get_refund_status("refund-1-a")
            equal((status.state, status.amount), (state, 100))
            equal((status.merchant_refund_id, status.original_merchant_order_id), ("refund-1-a", "refund-1"))
            detail = status.payment_details[0]
            equal((detail.transaction_id, detail.payment_mode.value), (answer.refund_id, "UPI_INTENT"))
            equal((detail.state, detail.amount), (state, 100))
        equal(detail.split_instruments[0].rail.type.value, "UPI")

    def failed():
        asked("refund-1-b", "refund-1")
        sandbox.refund("refund-1-b", "fail")
        told("refund-1-b", "pg.refund.failed", "PG_REFUND_FAILED", "FAILED")
        status = sdk.get_refund_status("refund-1-b")
        equal((status.state, status.payment_details[0].error_code), ("FAILED", "OTHERS"))

    def refused():
        raises(ExpectationFailed, lambda: asked("refund-1-a", "refund-1"))
        raises(BadRequest, lambda: asked("refund-2", "refund-1", 49901))
        sdk.pay(request("refund-unpaid"))
        equal(raises(ClientError, lambda: asked("refund-2", "refund-unpaid")).http_status_code, 402)
        equal(raises(BadRequest, lambda: asked("refund-2", "nobody")).code, "INVALID_MERCHANT_ORDER_ID")
        raises(BadRequest, lambda: sdk.get_refund_status("refund-2"))
        sandbox.weather()

    checks.run("a refund is confirmed and completed, and both webhooks are valid", completed)
    checks.run("a refund that fails is told validly", failed)
    checks.run("a used id, too much, an unpaid order, and unknown orders and refunds are refused", refused)


def weather(checks, sandbox, sdk):
    def spoiled(kind, endpoint, call):
        sandbox.weather(**{endpoint: {"http_status": kind}})
        raises(FAILURES[kind], call)
        sandbox.weather()

    for status in FAILURES:
        checks.run(f"pay answers {status}", lambda: spoiled(status, "pay", lambda: sdk.pay(request(f"bad-{status}"))))
    checks.run("status answers 500", lambda: spoiled(500, "status", lambda: sdk.get_order_status("pay-1")))

    def html():
        sandbox.weather(pay={"html_body": True})
        equal(raises(ServerError, lambda: sdk.pay(request("bad-html"))).code, None)
        sandbox.weather()

    checks.run("a web page instead of an answer has no code", html)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
