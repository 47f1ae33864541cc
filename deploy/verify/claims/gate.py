#!/usr/bin/env python3
"""One person's way by HTTP through every value of the gate's `next`; `sign_in` is the 401 of everybody else."""

import base64
import contextlib
import hmac
import json
import os
import secrets
import signal
import sys
import time
import uuid

from client import GATEWAY, PASSWORD, ROOT, Person, expect, letter, log, new_email, pay, pids, row, send, until
from provider import provider

VALUES = {"verify_email", "create_workspace", "choose_plan", "payment_pending", "onboarding", "building", "app"}
ANSWERS = ROOT / "crates/domain/tests/fixtures/answers/acme.json"
PATIENCE_S = 60


class Way:
    def __init__(self):
        self.stops, self.circles = [], []

    def stop(self, wanted, bearer, base=GATEWAY):
        """Waits until the gate sends there. Whoever asks again from there is to stay, and whoever comes from elsewhere to move."""
        before, gate = self.stops[-1] if self.stops else None, {}

        def sent():
            gate.update(expect(base, "GET", "/api/auth/verify-profile", headers=bearer).json)
            return gate["next"] == wanted

        if until(f"next = {wanted}", PATIENCE_S, sent) is None:
            raise SystemExit(f"the gate says {gate['next']} and not {wanted}")
        there = expect(base, "GET", "/api/auth/verify-profile", headers=bearer).json
        if (there["next"], there["path"]) != (wanted, gate["path"]) or (before and before[1] == gate["path"]):
            self.circles.append(f"from {before} to {wanted} {gate['path']}, and then {there['next']} {there['path']}")
        self.stops.append((wanted, gate["path"]))
        log(self.stops[-1])


def project_token(claims, secret):
    """What a project that still signs with a shared secret gives its users."""

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(part(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (signed + b"." + part(hmac.digest(secret.encode(), signed, "sha256"))).decode()


def confirm(way):
    """The embedded provider gives no session before the address is confirmed; other providers may. So the token is signed
    as one of theirs, by the legacy secret of a process that has one."""
    email, secret = new_email(), secrets.token_hex(32)
    with provider(GROUNDWORK__AUTH_SVC__EMBEDDED__EMAIL_CONFIRMATION="true", SUPABASE_JWT_SECRET=secret) as base:
        user = expect(base, "POST", "/auth/v1/signup", {"email": email, "password": PASSWORD}).json["id"]
        now = int(time.time())
        claims = {"iss": f"{GATEWAY}/auth/v1", "sub": user, "aud": "authenticated", "role": "authenticated", "iat": now, "exp": now + 600}
        way.stop("verify_email", {"Authorization": f"Bearer {project_token(claims, secret)}"}, base)
        code = letter(email, r"type this code: (\d{6})\b")
        return Person(expect(base, "POST", "/auth/v1/verify", {"type": "signup", "email": email, "token": code}).json)


def pay_for(way, person):
    way.stop("choose_plan", person.bearer)
    order = person.order()
    way.stop("payment_pending", person.bearer)
    pay(order)
    way.stop("onboarding", person.bearer)


def leave(person):
    """Hands the only workspace over to somebody who was invited, and leaves it."""
    heir = Person()
    expect(GATEWAY, "POST", "/api/auth/workspace/invitations", {"email": heir.email, "role": "admin"}, person.bearer)
    expect(GATEWAY, "POST", "/api/auth/invitations/accept", {"token": letter(heir.email, r"#token=([\w-]+)")}, heir.bearer)
    expect(GATEWAY, "PUT", "/api/auth/workspace/owner", {"user_id": heir.user}, person.bearer)
    expect(GATEWAY, "DELETE", f"/api/auth/workspace/members/{person.user}", headers=person.bearer)


def finalize(person):
    if until("the unlock", PATIENCE_S, person.unlocked) is None:
        raise SystemExit("the onboarding was not unlocked")
    for slug, answer in json.loads(ANSWERS.read_text(encoding="utf-8")).items():
        expect(GATEWAY, "POST", f"/api/onboarding/steps/{slug}/complete", {"answer": answer}, person.bearer | {"If-Match": '"0"'})
    expect(GATEWAY, "POST", "/api/onboarding/finalize", {}, person.bearer | {"Idempotency-Key": uuid.uuid4().hex})


@contextlib.contextmanager
def frozen(service):
    """It stands still meanwhile, so that what it would do in a moment can be seen waiting."""
    for pid in pids(service):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids(service):
            os.kill(pid, signal.SIGCONT)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or what stands still would stay so
    way = Way()
    person = confirm(way)
    pay_for(way, person)
    leave(person)
    way.stop("create_workspace", person.bearer)
    expect(GATEWAY, "POST", "/api/auth/workspaces", {"name": "Another one"}, person.bearer)
    pay_for(way, person)
    with frozen("bcm-svc"):
        finalize(person)
        way.stop("building", person.bearer)
    way.stop("app", person.bearer)

    values, paths = {value for value, _ in way.stops}, {path for _, path in way.stops}
    row(
        values == VALUES,
        "one person goes by HTTP through every value of next but sign_in",
        f"{len(values)} of {len(VALUES)} values: {' → '.join(value for value, _ in way.stops)}",
    )
    for circle in way.circles:
        log(circle)
    row(
        not way.circles and len(paths) == len(VALUES),
        "no value points at itself: each act leads to another page, and a page whose gate is asked again stays",
        f"{len(way.stops)} stops at {len(paths)} paths, {len(way.circles)} circles",
    )
    answer = send(GATEWAY, "GET", "/api/auth/verify-profile", headers={"Authorization": "Bearer x"})
    told = answer.status, (answer.json or {}).get("next")
    row(told == (401, "sign_in"), "without a session the answer is a 401 that says sign_in", f"{told[0]} {told[1]}")


if __name__ == "__main__":
    main()
