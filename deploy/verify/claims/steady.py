#!/usr/bin/env python3
"""steady.py EMAIL PASSWORD: reads and writes at every service through the gateway until SIGTERM, each request on a
connection of its own, and then prints one line of JSON. EMAIL has a manifest. A request fails when it is not answered
as it would be on a calm day: nothing is tried again."""

import http.client
import json
import signal
import sys
import threading
import time
import urllib.parse
import uuid
from collections import Counter

from client import GATEWAY, Person, expect, log, pay, send, until

# Seconds between two requests of one kind.
PACE_S = 0.2
STEP = "/api/onboarding/steps/company"


class Steady:
    def __init__(self):
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.sent, self.failures = Counter(), []
        self.streams = Counter()

    def judge(self, kind, good, what):
        with self.lock:
            self.sent[kind] += 1
            if not good:
                self.failures.append(f"{kind}: {what}")

    def ask(self, kind, method, path, body, headers, wanted):
        try:
            answer = send(GATEWAY, method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.judge(kind, False, f"no answer: {error!r}")
            return None
        self.judge(kind, answer.status in wanted, f"{answer.status} {answer.body[:200]!r}")
        return answer

    def repeat(self, pace, act):
        while not self.stop.is_set():
            act()
            self.stop.wait(pace)

    def stream(self, path, headers):
        """Follows an event stream, which ends by itself when its replica drains, and then takes it up again."""
        address = urllib.parse.urlsplit(GATEWAY)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            self.judge("stream", answer.status == 200, f"{answer.status}")
            # Not readline, which takes a connection that broke for the end of the stream.
            while answer.read1(65_536) and not self.stop.is_set():
                pass
            self.streams["cut by us" if self.stop.is_set() else "ended"] += 1
        except (OSError, http.client.HTTPException) as error:
            self.streams["broken"] += 1
            self.judge("stream", False, f"broken: {error!r}")
        finally:
            connection.close()


def number(revision):
    """`"<epoch>.<n>"`: how many saves there were in this epoch."""
    return tuple(int(part) for part in revision.strip('"').split(".")) if "." in revision else (0, 0)


def main():
    email, password = sys.argv[1:]
    session = expect(GATEWAY, "POST", "/auth/v1/token?grant_type=password", {"email": email, "password": password}).json
    reader = {"Authorization": f"Bearer {session['access_token']}"}
    writer, buyer = Person(), Person()
    pay(writer.order())
    if until("the unlock", 60, writer.unlocked) is None:
        raise SystemExit("the onboarding was not unlocked")
    order = buyer.order()
    steady = Steady()
    saved = {"revision": "0", "acknowledged": 0}

    def save():
        headers = writer.bearer | {"If-Match": f'"{saved["revision"]}"'}
        body = {"answer": {"company_name": f"Acme {uuid.uuid4().hex[:8]}"}}
        answer = steady.ask("PUT draft", "PUT", f"{STEP}/draft", body, headers, {200})
        if answer is not None and answer.status == 200:
            saved["revision"] = answer.json["revision"]
            saved["acknowledged"] += 1

    def order_again():
        headers = buyer.bearer | {"Idempotency-Key": uuid.uuid4().hex}
        body = {"plan": "glide", "cycle": "monthly", "autopay": False}
        steady.ask("POST initiate", "POST", "/api/payments/v2/initiate", body, headers, {200})

    def get(kind, path, headers):
        return lambda: steady.ask(kind, "GET", path, None, headers, {200})

    def post(kind, path, body, headers, wanted):
        return lambda: steady.ask(kind, "POST", path, body, headers, wanted)

    acts = [
        (PACE_S, get("GET gate", "/api/auth/verify-profile", reader)),
        (PACE_S, post("POST ensure-profile", "/api/auth/ensure-profile", {}, reader, {200})),
        (2, post("POST sign-in", "/auth/v1/token?grant_type=password", {"email": email, "password": password}, {}, {200})),
        (PACE_S, get("GET order", f"/api/payments/v2/status/{order}", buyer.bearer)),
        (PACE_S, order_again),
        (PACE_S, get("GET onboarding", "/api/onboarding", writer.bearer)),
        (PACE_S, save),
        (PACE_S / 4, get("GET manifest", "/api/context/manifest", reader)),
        (2, post("POST rebuild", "/api/context/rebuild", {"force": True, "reason": "a steady load"}, reader, {202})),
        (0.1, lambda: steady.stream(f"/api/payments/v2/orders/{order}/events", buyer.bearer)),
    ]
    signal.signal(signal.SIGTERM, lambda *_: steady.stop.set())
    threads = [threading.Thread(target=steady.repeat, args=act, daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    while not steady.stop.wait(0.2):
        pass
    # The stream waits for a line, which its heartbeat brings within 15 s; nobody needs to wait for that.
    deadline = time.monotonic() + 25
    for thread in threads[:-1]:
        thread.join(max(deadline - time.monotonic(), 0.1))
    now = expect(GATEWAY, "GET", STEP, headers=writer.bearer).json["revision"]
    epoch, count = number(now)
    if now != saved["revision"]:
        steady.failures.append(f"PUT draft: the revision is {now}, the last that was acknowledged is {saved['revision']}")
    for failure in steady.failures[:20]:
        log(failure)
    result = {
        "sent": sum(steady.sent.values()),
        "failed": len(steady.failures),
        "saves": saved["acknowledged"],
        "revision": f"{epoch}.{count}",
        "streams_ended": steady.streams["ended"],
        "streams_broken": steady.streams["broken"],
        "kinds": dict(steady.sent),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
