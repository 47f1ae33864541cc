#!/usr/bin/env python3
"""Without Redis the rate limits hold, without PostgreSQL nobody is signed out. Takes both down and starts them again."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from client import GATEWAY, PASSWORD, ROOT, Person, log, new_email, pids, row, send, stat_of, until
from provider import provider

# What the defaults allow (services/auth-svc/src/default.toml), and how many more may have come back while this runs.
PER_ACCOUNT, PER_ADDRESS, BACK = 10, 30, 2
DOWN_S = 6


@contextlib.contextmanager
def without(part, how):
    """A part of the stack is down meanwhile."""
    (pid,) = pids(part)
    os.kill(pid, how)
    try:
        if until(f"the end of {part}", 30, lambda: stat_of(pid)[:1] in ([], ["Z"])) is None:
            raise SystemExit(f"{part} does not end")
        yield
    finally:
        subprocess.run([ROOT / "deploy/local/stack", "deps"], check=True, stdout=sys.stderr)


def sign_in(base, address, email, password="not the password"):
    """As the gateway passes a client's address on."""
    return send(base, "POST", "/auth/v1/token?grant_type=password", {"email": email, "password": password}, {"X-Real-IP": address})


def admitted(ask, limit):
    """How many sign-ins there were before this limit refused one."""
    for count in range(2 * PER_ADDRESS):
        answer = ask()
        if answer.status == 429 and f'"{limit}"' in answer.headers.get("ratelimit-policy", ""):
            return count
        if answer.status != 400:
            raise SystemExit(f"a wrong password was answered {answer.status}: {answer.body[:200]!r}")
    return 2 * PER_ADDRESS


def redis():
    used, fresh = Person(), Person()
    address = f"2001:db8::{uuid.uuid4().hex[:4]}"
    with provider(GROUNDWORK__LIMITS__PROFILE="default") as base:
        with_redis = admitted(lambda: sign_in(base, address, used.email), "sign-in-account")
        with without("redis", signal.SIGKILL):
            again = admitted(lambda: sign_in(base, address, used.email), "sign-in-account")
            other = admitted(lambda: sign_in(base, address, fresh.email), "sign-in-account")
            right = sign_in(base, address, fresh.email, PASSWORD).status
            # Each of those that an account's limit refused has cost the address something too.
            everybody = again + 1 + other + 1 + 1 + admitted(lambda: sign_in(base, address, new_email()), "sign-in-address")
    log("with", with_redis, "without", again, other, right, everybody)
    row(
        all(PER_ACCOUNT <= count <= PER_ACCOUNT + BACK for count in (with_redis, again, other)) and right == 429,
        f"without Redis an account takes {PER_ACCOUNT} sign-ins, as with it, and the next is 429, with the right password too",
        f"{with_redis} with Redis, {again} more for the same account and {other} for another without, then {right}",
    )
    row(
        PER_ADDRESS <= everybody <= PER_ADDRESS + BACK,
        f"without Redis an address signs in {PER_ADDRESS} times, to whichever accounts, and then gets 429",
        f"{everybody} sign-ins to many accounts",
    )


def postgres():
    person = Person()
    token, login = {"refresh_token": person.session["refresh_token"]}, {"email": person.email, "password": PASSWORD}
    questions = {
        "GET user": lambda: send(GATEWAY, "GET", "/auth/v1/user", headers=person.bearer),
        "verify-profile": lambda: send(GATEWAY, "GET", "/api/auth/verify-profile", headers=person.bearer),
        "ensure-profile": lambda: send(GATEWAY, "POST", "/api/auth/ensure-profile", {}, person.bearer),
        "refresh": lambda: send(GATEWAY, "POST", "/auth/v1/token?grant_type=refresh_token", token),
        "sign-in": lambda: send(GATEWAY, "POST", "/auth/v1/token?grant_type=password", login, person.bearer),
    }

    def repeat(ask):
        seen, end = Counter(), time.monotonic() + DOWN_S
        while time.monotonic() < end:
            seen[ask().status] += 1
            time.sleep(0.1)
        return seen

    before = {name: ask().status for name, ask in questions.items() if name != "refresh"}
    with without("postgres", signal.SIGINT), ThreadPoolExecutor(len(questions)) as pool:
        down = dict(zip(questions, pool.map(repeat, questions.values())))
    log("before", before, "down", down)
    told = [f"{name} {count} × {status}" for name, seen in down.items() for status, count in seen.items()]
    row(
        set(before.values()) == {200} and all(set(seen) == {503} for seen in down.values()),
        "without PostgreSQL every question about a session is 503, never 401, 403 or 400",
        ", ".join(told),
    )
    back_s = until("an answer with PostgreSQL", 60, lambda: questions["GET user"]().status == 200)
    after = {name: ask().status for name, ask in questions.items()}
    told = [f"{name} {status}" for name, status in after.items()]
    row(
        back_s is not None and set(after.values()) == {200},
        "when it is back the tokens of before are good",
        f"{'never' if back_s is None else f'after {back_s:.1f} s'}: {', '.join(told)}",
    )


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or what was taken down would stay so
    redis()
    postgres()


if __name__ == "__main__":
    main()
