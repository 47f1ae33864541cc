"""A sandbox process, a merchant that keeps the webhooks it gets, and a count of the checks."""

import http.server
import json
import os
import queue
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

CLIENT_ID = "witness"
CLIENT_SECRET = "witness-secret"
USERNAME = "witness_01"
PASSWORD = "Passw0rd123"


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

    def webhook(self):
        return self.received.get(timeout=10)


class Sandbox:
    """The binary on a free port, ended by its process."""

    def __init__(self, binary, webhook_url):
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "SANDBOX_ADDR": self.url.removeprefix("http://"),
            "SANDBOX_CLIENT_ID": CLIENT_ID,
            "SANDBOX_CLIENT_SECRET": CLIENT_SECRET,
            "SANDBOX_WEBHOOK_URL": webhook_url,
            "SANDBOX_WEBHOOK_USERNAME": USERNAME,
            "SANDBOX_WEBHOOK_PASSWORD": PASSWORD,
            "SANDBOX_LOG": "warn",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
        self.process = subprocess.Popen(
            [binary, "serve"], env=inherited | settings, stdout=subprocess.DEVNULL
        )
        self._wait()

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
            self.failed += 1
            print(f"FAILED  {title}: {type(error).__name__} {error}")
        else:
            self.passed += 1
            print(f"passed  {title}")

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised instead of {kind.__name__}")
