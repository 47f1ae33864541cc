"""A sandbox process, a merchant that keeps the webhooks it gets, and a count of the checks."""

import http.client
import http.server
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from hosts import endpoints

CLIENT_ID = "witness"
CLIENT_SECRET = "witness-secret"
USERNAME = "witness_01"
PASSWORD = "Passw0rd123"


def end_with_children():
    """Makes SIGTERM end the process as an exception does, so that what it started is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Merchant:
    """Answers 200 to every webhook and keeps header and body as they came."""

    def __init__(self):
        self.received = queue.Queue()
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                received.put((self.headers["Authorization"], body.decode()))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/webhook"

    def webhook(self, about):
        """The next one about this order or refund. Those about others are left over from earlier checks."""
        while True:
            header, body = self.received.get(timeout=10)
            payload = json.loads(body)["payload"]
            if about in (payload.get("merchantOrderId"), payload.get("merchantRefundId")):
                return header, body

    def webhooks(self, about, *events):
        """Those of these events about one order or mandate, in this order, whatever the order in which they come."""
        found = {}
        while not found.keys() >= set(events):
            header, body = self.received.get(timeout=10)
            told = json.loads(body)
            payload = told["payload"]
            if about in (payload.get("merchantOrderId"), payload.get("merchantSubscriptionId")):
                found[told["event"]] = (header, body)
        return [found[event] for event in events]


class Sandbox:
    """The binary on a free port, ended by its process."""

    def __init__(self, binary, webhook_url=None):
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "SANDBOX_ADDR": self.url.removeprefix("http://"),
            "SANDBOX_CLIENT_ID": CLIENT_ID,
            "SANDBOX_CLIENT_SECRET": CLIENT_SECRET,
            "SANDBOX_WEBHOOK_USERNAME": USERNAME,
            "SANDBOX_WEBHOOK_PASSWORD": PASSWORD,
            "SANDBOX_LOG": "warn",
        }
        if webhook_url:
            settings["SANDBOX_WEBHOOK_URL"] = webhook_url
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
        self.process = subprocess.Popen(
            [binary, "serve"], env=inherited | settings, stdout=subprocess.DEVNULL
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        for _ in range(100):
            if self.process.poll() is not None:
                raise RuntimeError(f"the sandbox ended with {self.process.returncode}")
            try:
                urllib.request.urlopen(f"{self.url}/livez", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the sandbox does not answer")

    def call(self, method, path, body):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status

    def weather(self, **weather):
        self.call("PUT", "/control/weather", weather)

    def pay(self, order, outcome, mode="upi"):
        self.call("POST", f"/control/orders/{order}/pay", {"outcome": outcome, "mode": mode})

    def refund(self, refund, step):
        self.call("POST", f"/control/refunds/{refund}", {"step": step})

    def act(self, mandate, act):
        self.call("POST", f"/control/mandates/{mandate}", {"act": act})

    def advance(self, seconds):
        self.call("POST", "/control/clock", {"advance_s": seconds})

    def merchant_calls(self):
        """Calls the payment host without an SDK and without a proxy: `call(path, body)`, or without a body."""
        host = f"{self.url}/apis/pg-sandbox"
        fields = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "client_version": 1, "grant_type": "client_credentials"}
        form = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(f"{host}/v1/oauth/token", data=form, timeout=5) as answer:
            token = json.load(answer)["access_token"]

        def call(path, body=None):
            data = b"" if body is None else json.dumps(body).encode()
            headers = {"Authorization": f"O-Bearer {token}", "Content-Type": "application/json"}
            request = urllib.request.Request(f"{host}{path}", method="POST", data=data, headers=headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read()

        return call

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Checks:
    """One line for each check, one for all."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def run(self, title, check):
        try:
            check()
        except Exception as error:  # any failure of a check is its verdict
            self.fail(title, f"{type(error).__name__} {error}")
        else:
            self.passed += 1
            print(f"passed  {title}")

    def fail(self, title, why):
        self.failed += 1
        print(f"FAILED  {title}: {' '.join(why.split())}")

    def adopt(self, output):
        """Counts the lines of a process that has checks of its own, and returns how many passed and failed."""
        print(output, end="")
        lines = output.splitlines()
        passed, failed = (sum(line.startswith(f"{verdict}  ") for line in lines) for verdict in ("passed", "FAILED"))
        self.passed += passed
        self.failed += failed
        return passed, failed

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def page_setup(order, mandate):
    """A request for a mandate that is approved on the hosted page, for which no SDK has a call."""
    return {
        "merchantOrderId": order,
        "amount": 29_900,
        "paymentFlow": {
            "type": "SUBSCRIPTION_CHECKOUT_SETUP",
            "merchantUrls": {"redirectUrl": "https://shop.example/pay/return?o=1"},
            "subscriptionDetails": {
                "subscriptionType": "RECURRING",
                "merchantSubscriptionId": mandate,
                "authWorkflowType": "TRANSACTION",
                "amountType": "VARIABLE",
                "maxAmount": 50_000,
                "frequency": "MONTHLY",
                "productType": "UPI_MANDATE",
            },
        },
    }


def reached(checks, hosts, environment, autopay=False):
    """Whether an SDK that went through the proxy asked for what it should, and for nothing else."""

    def nothing_else():
        equal((set(hosts.asked), hosts.refused), (endpoints(environment, autopay), []))

    def another_host():
        connection = http.client.HTTPConnection(hosts.url.removeprefix("http://"), timeout=10)
        connection.set_tunnel("cards.phonepe.com", 443)
        raises(OSError, connection.connect)
        equal(hosts.refused, ["CONNECT cards.phonepe.com:443"])

    checks.run(f"the hosts and paths are those of {environment}, and no others were asked for", nothing_else)
    checks.run("the proxy refuses another host", another_host)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised instead of {kind.__name__}")
