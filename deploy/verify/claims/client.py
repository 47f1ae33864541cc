"""A small HTTP client and a person who signs up and orders, from the standard library alone."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

GATEWAY = os.environ["GATEWAY_URL"]
SANDBOX = os.environ["SANDBOX_URL"]
PASSWORD = "groundwork-verify-2026"
ROOT = Path(__file__).resolve().parents[3]


def row(holds, claim, figure):
    print("holds" if holds else "falls short", claim, figure, sep="\t", flush=True)


def log(*words):
    print(*words, file=sys.stderr, flush=True)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def send(base, method, path, body=None, headers=None, timeout=20):
    """Sends exactly these bytes; a dict or list becomes JSON."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    address = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        elif method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", "0")
        connection.endheaders()
        try:
            if body:
                connection.send(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was read; the answer may still be there
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        # An event stream does not end: that it began is the answer.
        body = b"" if headers.get("content-type", "").startswith("text/event-stream") else response.read()
        return Answer(response.status, headers, body)
    finally:
        connection.close()


def expect(base, method, path, body=None, headers=None):
    answer = send(base, method, path, body, headers)
    if not 200 <= answer.status < 300:
        raise SystemExit(f"{method} {path} answered {answer.status}: {answer.body[:500]!r}")
    return answer


def until(what, limit_s, check, every_s=0.1):
    """Seconds until the check was true; None when it never was."""
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        if check():
            return time.monotonic() - began
        time.sleep(every_s)
    log(f"{what} did not happen within {limit_s} s")
    return None


def at_once(count, act):
    """What `act` gave in each of so many threads that begin together."""
    together = threading.Barrier(count)

    def one(_):
        together.wait()
        return act()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def settings(service):
    """What a process of the stack has in its environment."""
    lines = Path(os.environ["STATE_DIR"], "services", f"{service}.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def stat_of(pid):
    """What the kernel says of a process behind its name, its state first; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except OSError:
        return []


def pids(part):
    """The processes of a part of the stack, every replica of it. A pid that was given to somebody else began at another time."""
    files = Path(os.environ["STATE_DIR"], "run").glob(f"{part}*.pid")
    written = [file.read_text(encoding="ascii").split() for file in files]
    return [int(pid) for pid, began in written if stat_of(pid)[19:20] == [began]]


def built(name):
    """A program that `stack up` built."""
    profile = "release" if os.environ.get("PROFILE") == "release" else "debug"
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), profile, name)


def sql(query):
    """Rows as lists of text, asked as the administrator. The queries hold only ids that we were given."""
    command = ["psql", os.environ["DATABASE_ADMIN_URL"], "-v", "ON_ERROR_STOP=1", "-Atq", "-F", "\t", "-c", query]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


def new_email():
    return f"verify-{uuid.uuid4().hex}@example.test"


def sign_up():
    """The session of somebody new."""
    return expect(GATEWAY, "POST", "/auth/v1/signup", {"email": new_email(), "password": PASSWORD}).json


def bearer_of(session):
    return {"Authorization": f"Bearer {session['access_token']}"}


def letter(email, pattern):
    """What the pattern finds in the newest mail to the address that has it."""
    found = []

    def come():
        mails = expect(SANDBOX, "GET", "/control/mails").json
        texts = [mail["text"] for mail in mails if email in mail["to"]]
        found[:] = [match[1] for text in texts if (match := re.search(pattern, text, re.IGNORECASE))]
        return found

    if until(f"a mail to {email}", 60, come) is None:
        raise SystemExit(f"no mail with {pattern} came to {email}")
    return found[0]


class Person:
    """Somebody with a workspace: new, or whose session it is."""

    def __init__(self, session=None):
        self.session = session or sign_up()
        self.bearer, self.user, self.email = bearer_of(self.session), self.session["user"]["id"], self.session["user"]["email"]
        profile = expect(GATEWAY, "POST", "/api/auth/ensure-profile", {}, self.bearer).json
        self.workspace = str(uuid.UUID(profile["workspace"]["id"]))

    def order(self):
        """Opens an order and returns its id."""
        headers = self.bearer | {"Idempotency-Key": uuid.uuid4().hex}
        order = expect(GATEWAY, "POST", "/api/payments/v2/initiate", {"plan": "glide", "cycle": "monthly", "autopay": False}, headers)
        return str(uuid.UUID(order.json["order_id"]))

    def unlocked(self):
        answer = send(GATEWAY, "GET", "/api/onboarding", headers=self.bearer)
        return answer.status == 200 and answer.json["status"] != "locked"

    def state_of(self, order):
        return send(GATEWAY, "GET", f"/api/payments/v2/status/{order}", headers=self.bearer).json["state"]


def finished_owner():
    """The bearer of somebody whose workspace has everything that can be asked for, a manifest included."""
    email = f"owner-{uuid.uuid4().hex}@example.test"
    subprocess.run([built("journey"), "demo", "--email", email], check=True, stdout=subprocess.DEVNULL)
    login = {"email": email, "password": "groundwork-demo-2026"}
    return bearer_of(expect(GATEWAY, "POST", "/auth/v1/token?grant_type=password", login).json)


def pay(order):
    """The customer pays at the sandbox."""
    expect(SANDBOX, "POST", f"/control/orders/{order}-1/pay", {"outcome": "success"})


def weather(webhook=None):
    expect(SANDBOX, "PUT", "/control/weather", {"webhook": webhook or {}})
