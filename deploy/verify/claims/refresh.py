#!/usr/bin/env python3
"""Tabs that refresh together stay signed in together, and a token that turns up late ends the session at once."""

import time

from client import GATEWAY, at_once, bearer_of, log, row, send, sign_up, sql

TABS = 20
# An older token within so many seconds of a refresh is a slow tab, after that it is theft.
REUSE_INTERVAL_S = 10


def refresh(session):
    return send(GATEWAY, "POST", "/auth/v1/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]})


def seen(answer):
    """Status and code of an answer."""
    return answer.status, (answer.json or {}).get("error_code")


def tabs():
    first = sign_up()
    answers = at_once(TABS, lambda: refresh(first))
    tokens = {(answer.json or {}).get("refresh_token") for answer in answers}
    statuses = [answer.status for answer in answers]
    steps = sql(f"select refresh_token_counter from identity.session where user_id = '{first['user']['id']}'")
    log(statuses, steps)
    row(
        statuses == [200] * TABS and len(tokens) == 1 and first["refresh_token"] not in tokens and steps == [["1"]],
        f"{TABS} parallel refreshes of one token all get the same new refresh token",
        f"{statuses.count(200)} of {TABS} answered 200, {len(tokens)} new token, the session moved on {steps[0][0]} time",
    )


def theft():
    stolen = sign_up()
    second = refresh(stolen).json
    third = refresh(second).json
    time.sleep(REUSE_INTERVAL_S + 1)
    began = time.monotonic()
    replayed, present = seen(refresh(stolen)), seen(refresh(third))
    user = seen(send(GATEWAY, "GET", "/auth/v1/user", headers=bearer_of(third)))
    took_ms = (time.monotonic() - began) * 1000
    wanted = (400, "refresh_token_already_used"), (400, "refresh_token_not_found"), (403, "session_not_found")
    told = "; ".join(f"{what} {status} {code}" for what, (status, code) in {"the old one": replayed, "the present one": present, "the user": user}.items())
    row(
        (replayed, present, user) == wanted,
        "the replay of an older refresh token ends the session at once: the present tokens of both kinds are refused",
        f"{told}; within {took_ms:.0f} ms",
    )


def main():
    tabs()
    theft()


if __name__ == "__main__":
    main()
