#!/usr/bin/env python3
"""However many ask at once, a user has one profile, one workspace and one membership; and no trouble with making them
refuses anybody an account."""

import contextlib
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from client import GATEWAY, at_once, bearer_of, expect, log, row, send, sign_up, sql, until

CALLS = 40
USERS, FIRST_REQUESTS = 200, 5
TRIGGER = "on_auth_user_created"
# The job that heals wakes every 5 s, and what failed once is not tried for another 5 s.
HEALED_S = 30


@contextlib.contextmanager
def altered(alter, back):
    """The schema is altered meanwhile. An earlier run that was cut off may have left it so."""
    for statement in back:
        sql(statement)
    try:
        for statement in alter:
            sql(statement)
        yield
    finally:
        for statement in back:
            sql(statement)


def without_trigger():
    """Users are made without anything of ours, as by a provider whose database is elsewhere."""
    return altered([f"alter table auth.users disable trigger {TRIGGER}"], [f"alter table auth.users enable trigger {TRIGGER}"])


def broken(*tables):
    """Nothing can be written to these tables of schema identity."""
    add = [f"alter table identity.{table} add constraint broken check (false) not valid" for table in tables]
    return altered(add, [f"alter table identity.{table} drop constraint if exists broken" for table in tables])


def counts(users):
    """Of each user the profiles, the workspaces, and the memberships as their owner."""
    ids = ",".join(f"'{user}'" for user in users)
    found = sql(f"""select (select count(*) from identity.profiles where user_id = u),
        (select count(*) from identity.workspaces where owner_id = u),
        (select count(*) from identity.memberships where user_id = u and role = 'owner')
        from unnest(array[{ids}]::uuid[]) u""")
    return [tuple(int(count) for count in line) for line in found]


def user_of(session):
    return session["user"]["id"]


def ensure(session):
    return send(GATEWAY, "POST", "/api/auth/ensure-profile", {}, bearer_of(session))


def agree(answers):
    """Whether all were answered with one workspace, which one of them made."""
    refused = [(answer.status, answer.body[:160]) for answer in answers if answer.status != 200]
    if refused:
        log(refused)
        return False
    workspaces = {answer.json["workspace"]["id"] for answer in answers}
    return len(workspaces) == 1 and sum(answer.json["created"] for answer in answers) == 1


def one_user():
    with without_trigger():
        session = sign_up()
    before = counts([user_of(session)])
    good = agree(at_once(CALLS, lambda: ensure(session)))
    after = counts([user_of(session)])
    row(
        good and before == [(0, 0, 0)] and after == [(1, 1, 1)],
        f"{CALLS} parallel ensure-profile calls of a user without anything: one profile, one workspace, one membership",
        f"{before[0]} before, {after[0]} after; {'all answers agree' if good else 'the answers differ'}",
    )


def many_users():
    with without_trigger(), ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(lambda _: sign_up(), range(USERS)))
    before = counts(map(user_of, sessions))
    with ThreadPoolExecutor(8) as pool:
        good = list(pool.map(lambda session: agree(at_once(FIRST_REQUESTS, lambda: ensure(session))), sessions))
    after = counts(map(user_of, sessions))
    row(
        all(good) and set(before) == {(0, 0, 0)} and set(after) == {(1, 1, 1)},
        f"{USERS} users with {FIRST_REQUESTS} concurrent first requests each: one profile, one workspace, one membership each",
        f"{after.count((1, 1, 1))} of {len(after)} users have one of each, the answers to {good.count(False)} differ",
    )


def a_broken_trigger_is_healed():
    with broken("workspaces"):
        session = sign_up()
        user = user_of(session)
        noted = sql(f"select reason from identity.user_repair where user_id = '{user}' and repaired_at is null")
        sent_to = expect(GATEWAY, "GET", "/api/auth/verify-profile", headers=bearer_of(session)).json["next"]
        refused = ensure(session)
        without = counts([user])
    healed_s = until("the repair", HEALED_S, lambda: counts([user]) == [(1, 1, 1)], every_s=0.5)
    closed = sql(f"select 1 from identity.user_repair where user_id = '{user}' and repaired_at is not null")
    log(noted, sent_to, refused.status, refused.body[:160], without, healed_s, closed)
    meanwhile = (len(noted), sent_to, refused.status, without) == (1, "create_workspace", 503, [(0, 0, 0)])
    healed = "never healed" if healed_s is None else f"healed by the job after {healed_s:.0f} s"
    row(
        meanwhile and healed_s is not None and len(closed) == 1,
        "a trigger that fails refuses no sign-up: the user is noted, and has everything once the cause is gone",
        f"signed up with {len(noted)} note, the gate said {sent_to}, ensure-profile {refused.status}; {healed}",
    )


def even_without_a_note():
    with broken("workspaces", "user_repair"):
        session = sign_up()
        user = user_of(session)
        noted = sql(f"select 1 from identity.user_repair where user_id = '{user}'")
    healed = ensure(session)
    after = counts([user])
    row(
        not noted and healed.status == 200 and after == [(1, 1, 1)],
        "a trigger that cannot even note its failure refuses no sign-up, and the first request makes what is missing",
        f"{len(noted)} notes, ensure-profile {healed.status}, then {after[0]} in the tables",
    )


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the schema would stay altered
    one_user()
    many_users()
    a_broken_trigger_is_healed()
    even_without_a_note()


if __name__ == "__main__":
    main()
