#!/usr/bin/env python3
"""Walks every operation of the four OpenAPI documents with tokens that are none, as a stranger, as a removed member and
in a role that is too low. Nothing of it may be answered with a 2xx. An operation that no table below names fails.

Needs `cryptography` and `PyJWT`: tokens that differ from genuine ones in a single respect need the genuine key."""

import base64
import hmac
import json
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_private_key

from client import GATEWAY, Person, expect, finished_owner, log, row, send, settings, sql, until

DOCUMENTS = ["auth", "payments", "onboarding", "context"]
METHODS = ("get", "post", "put", "patch", "delete")
# How long a process may remember a role (decision 6), with some slack.
MEMORY_S = 7

# Whoever calls them need not be known.
PUBLIC = {
    "GET /auth/v1/.well-known/jwks.json",
    "GET /auth/v1/.well-known/openid-configuration",
    "GET /auth/v1/health",
    "GET /auth/v1/settings",
    "POST /auth/v1/signup",
    "POST /auth/v1/token",
    # What is brought is the proof: a link's token or a code of a mail.
    "POST /auth/v1/verify",
    "GET /auth/v1/verify",
    # Answered alike whoever asks about whomever.
    "POST /auth/v1/recover",
    "POST /auth/v1/otp",
    "POST /auth/v1/magiclink",
    "POST /auth/v1/resend",
    "GET /api/onboarding/steps",
    "GET /api/payments/v2/plans",
    "GET /api/context/keys",
    # The provider's own credentials; a claim of its own forges them (webhooks.py).
    "POST /api/payments/v2/webhook",
    # Resend's signature, as Svix makes it.
    "POST /api/auth/mail/webhook",
    "POST /api/payments/v2/mail/webhook",
    "POST /api/onboarding/mail/webhook",
}
# About the caller, and about no workspace unless one is named.
OF_THE_CALLER = {
    "POST /api/auth/ensure-profile",
    "GET /api/auth/account/export",
    "POST /api/auth/account/deletion",
    "GET /api/auth/account/deletion",
    "DELETE /api/auth/account/deletion",
    "GET /api/auth/sessions",
    "DELETE /api/auth/sessions/{session_id}",
    "GET /api/auth/workspaces",
    "POST /api/auth/workspaces",
    "POST /api/auth/invitations/accept",
    "POST /auth/v1/logout",
    "GET /auth/v1/user",
    "PUT /auth/v1/user",
    "GET /auth/v1/reauthenticate",
    "POST /auth/v1/factors",
    "POST /auth/v1/factors/{factor_id}/challenge",
    "POST /auth/v1/factors/{factor_id}/verify",
    "DELETE /auth/v1/factors/{factor_id}",
}
# For servers with a secret key, and nobody who signed in.
OF_A_SERVER = {
    "GET /auth/v1/admin/users": {},
    "POST /auth/v1/admin/users": {"body": {"email": "nobody"}},
    "GET /auth/v1/admin/users/{user_id}": {},
    "PUT /auth/v1/admin/users/{user_id}": {"body": {"ban_duration": "soon"}},
    "DELETE /auth/v1/admin/users/{user_id}": {},
    "GET /auth/v1/admin/users/{user_id}/factors": {},
    "DELETE /auth/v1/admin/users/{user_id}/factors/{factor_id}": {},
    "POST /auth/v1/admin/generate_link": {"body": {"type": "sms", "email": "nobody@example.test"}},
    "POST /auth/v1/invite": {"body": {"email": "nobody"}},
}
# About a workspace: what any member may do, and what only owners and admins may.
OF_A_MEMBER = {
    "GET /api/auth/verify-profile": {},
    "GET /api/auth/gate/events": {},
    "GET /api/auth/workspace/members": {},
    "GET /api/payments/v2/orders/{order_id}/events": {},
    "GET /api/payments/v2/status/{order_id}": {},
    "POST /api/payments/v2/orders/{order_id}/check": {},
    "GET /api/payments/v2/subscription": {},
    "GET /api/onboarding": {},
    "GET /api/onboarding/contexts/{number}": {},
    "GET /api/onboarding/finalize/{number}": {},
    "GET /api/onboarding/steps/{slug}": {},
    "POST /api/onboarding/steps/{slug}/complete": {},
    "PUT /api/onboarding/steps/{slug}/draft": {"body": {"answer": {"company_name": "Acme"}}, "headers": {"If-Match": '"0"'}},
    "POST /api/onboarding/steps/{slug}/skip": {},
    "POST /api/onboarding/steps/{slug}/undo": {},
    "GET /api/onboarding/steps/{slug}/revisions": {},
    "GET /api/onboarding/contexts": {},
    "GET /api/onboarding/contexts/{number}/diff/{other}": {},
    "GET /api/onboarding/finalize/{number}/events": {},
    "GET /api/onboarding/export": {},
    "POST /api/onboarding/import": {"body": {"answers": {"company": {"company_name": "Acme"}}}},
    "POST /api/onboarding/import/workspace": {"body": {"workspace_id": "{workspace}"}},
    "POST /api/onboarding/suggestions": {},
    "GET /api/context/aliases": {},
    "GET /api/context/diff": {},
    "GET /api/context/events": {},
    "GET /api/context/export": {},
    "GET /api/context/freshness": {},
    "GET /api/context/history": {},
    "GET /api/context/manifest": {},
    "GET /api/context/manifest/checksums/{checksum}": {},
    "GET /api/context/manifest/versions/{version}": {},
    "GET /api/context/prompt": {},
    "GET /api/context/rebuild/{job}": {},
    "GET /api/context/rebuild/{job}/events": {},
    "GET /api/context/stats": {},
}
OF_AN_ADMIN = {
    "POST /api/payments/v2/initiate": {"body": {"plan": "glide", "cycle": "monthly", "autopay": False}},
    "POST /api/payments/v2/orders/{order_id}/abandon": {},
    "PUT /api/payments/v2/billing-details": {"body": {"legal_name": "Acme LLP", "address": ["Pune 411004"], "state": "27"}},
    "GET /api/payments/v2/billing-details": {},
    "GET /api/payments/v2/invoices": {},
    "GET /api/payments/v2/invoices/{invoice_id}": {},
    "GET /api/payments/v2/invoices/{invoice_id}/html": {},
    "GET /api/payments/v2/invoices/{invoice_id}/pdf": {},
    "POST /api/payments/v2/subscription/plan": {"body": {"plan": "soar", "cycle": "yearly"}},
    "POST /api/payments/v2/subscription/trial": {"body": {"plan": "glide"}},
    "POST /api/payments/v2/subscription/cancel": {"body": {"at": "period_end"}},
    "POST /api/payments/v2/subscription/keep": {},
    "POST /api/onboarding/finalize": {},
    "DELETE /api/context/aliases/{alias}": {},
    "DELETE /api/context/pin": {},
    "POST /api/context/pin": {"body": {"version": 1}},
    "POST /api/context/rebuild": {"body": {}},
    "POST /api/context/rollback": {"body": {"to": 1}},
    "PUT /api/context/aliases/{alias}": {"body": {"version": 1}},
    "PATCH /api/auth/workspace": {"body": {"name": "Renamed"}},
    "GET /api/auth/workspace/invitations": {},
    "POST /api/auth/workspace/invitations": {"body": {"email": "colleague@example.test", "role": "member"}},
    "DELETE /api/auth/workspace/invitations/{invitation_id}": {},
    "DELETE /api/auth/workspace/members/{user_id}": {},
}
# What only owners may do.
OF_AN_OWNER = {
    "GET /api/auth/workspace/audit": {},
    "PATCH /api/auth/workspace/members/{user_id}": {"body": {"role": "member"}},
    "PUT /api/auth/workspace/owner": {"body": {"user_id": "{owner}"}},
}
# Whatever begins so is for operators (decision 23): a role in the token and a second factor.
OPERATORS = "/api/admin/"
# What operators do to one thing, dry; any other act of theirs takes a filter.
OF_AN_OPERATOR = {
    "POST /api/admin/payments/refunds": {"body": {"order_id": "{order_id}", "dry_run": True}},
    "POST /api/admin/payments/orders/{order_id}/reconcile": {"body": {"dry_run": True}},
    "POST /api/admin/payments/orders/{order_id}/fix": {"body": {"as": "unpaid", "dry_run": True}},
}
# The ids in these paths belong to one workspace; the others are the same for everybody.
OWNED = ("{order_id}", "{invoice_id}", "{job}", "{checksum}", "{invitation_id}", "{user_id}")


class Walk:
    def __init__(self):
        self.faults, self.count = [], 0

    def see(self, what, answer, wanted):
        self.count += 1
        if answer.status not in wanted:
            self.faults.append(f"{what}: {answer.status}, wanted {sorted(wanted)}: {answer.body[:160]!r}")

    def report(self, claim):
        for fault in self.faults:
            log(fault)
        row(not self.faults and self.count > 0, claim, f"{self.count} requests, {len(self.faults)} wrong")


def operations():
    for name in DOCUMENTS:
        document = expect(GATEWAY, "GET", f"/api/{name}/openapi.json").json
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    secured = bool(item[method].get("security", document.get("security")))
                    yield f"{method.upper()} {path}", secured


def ask(operation, ids, headers, more=None):
    method, path = operation.split(" ")
    more = more or {}
    body = json.dumps(more["body"]) if "body" in more else None
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
        body = body and body.replace(f"{{{name}}}", value)
    headers = headers | more.get("headers", {})
    return send(GATEWAY, method, path, body and json.loads(body), headers)


def signing_key():
    """The active private key, opened with the secret of the running service."""
    kid, hexed = sql("select kid, encode(private_key, 'hex') from identity.signing_key where retired_at is null order by created_at desc limit 1")[0]
    form, stored = bytes.fromhex(hexed)[0], bytes.fromhex(hexed)[1:]
    if form == 1:
        secret = settings("auth-svc")["GROUNDWORK__AUTH_SVC__EMBEDDED__KEY_ENCRYPTION_SECRET"].encode()
        key = HKDF(SHA256(), 32, b"groundwork signing key at rest", b"aes-256-gcm").derive(secret)
        stored = AESGCM(key).decrypt(stored[:12], stored[12:], kid.encode())
    return kid, load_der_private_key(stored, None)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(part):
    return base64url(json.dumps(part).encode())


class Forge:
    """Makes tokens like auth-svc, with its own key: a person's genuine one, changed in some respect."""

    def __init__(self, person):
        self.kid, self.key = signing_key()
        self.genuine = person.bearer["Authorization"].split(" ")[1]
        self.claims = jwt.decode(self.genuine, options={"verify_signature": False})

    def sign(self, changes=None, drop=(), key=None, kid=None):
        body = {name: value for name, value in (self.claims | (changes or {})).items() if name not in drop}
        return jwt.encode(body, key or self.key, "ES256", headers={"kid": kid or self.kid})

    def bearer(self, **changes):
        return {"Authorization": f"Bearer {self.sign(changes)}"}


def bad_tokens(person):
    """Each differs from a token that is accepted in one respect."""
    forge = Forge(person)
    signed, kid, genuine = forge.sign, forge.kid, forge.genuine
    now = int(time.time())
    # The witness of all others: signed by us in the same way, and accepted.
    control = send(GATEWAY, "GET", "/api/auth/verify-profile", headers=forge.bearer(iat=now))
    assert control.status == 200, "a token of ours is not accepted"
    header, payload, signature = genuine.split(".")
    # The library refuses to do what an attacker would: to sign with the public key as if it were a shared secret.
    public = json.dumps(expect(GATEWAY, "GET", "/auth/v1/.well-known/jwks.json").json["keys"][0]).encode()
    confused = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{payload}"
    confused += "." + base64url(hmac.digest(public, confused.encode(), "sha256"))
    tokens = {
        "expired": signed({"exp": now - 3600, "iat": now - 7200}),
        "another key under the same name": signed(key=ec.generate_private_key(ec.SECP256R1())),
        "a key of an unknown name": signed(key=ec.generate_private_key(ec.SECP256R1()), kid="unknown"),
        "another audience": signed({"aud": "somebody-else"}),
        "no audience": signed(drop=("aud",)),
        "another issuer": signed({"iss": "https://elsewhere.test/auth/v1"}),
        "no expiry": signed(drop=("exp",)),
        "not valid yet": signed({"nbf": now + 3600}),
        "nobody": signed(drop=("sub",)),
        "the role anon": signed({"role": "anon"}),
        "the role service_role": signed({"role": "service_role"}),
        "the public key as a shared secret": confused,
        "no signature": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "a tampered payload": f"{header}.{payload[:-6]}AAAAAA.{signature}",
        "rubbish": "rubbish",
    }
    bearers = {what: {"Authorization": f"Bearer {token}"} for what, token in tokens.items()}
    return bearers | {"no token": {}, "another scheme": {"Authorization": f"Basic {genuine}"}}


def things_of(bearer):
    """The workspace of somebody who has finished, and the ids of what is in it."""
    workspace = expect(GATEWAY, "POST", "/api/auth/ensure-profile", {}, bearer).json["workspace"]["id"]
    order, invoice = sql(f"select order_id, id from payments.invoice where workspace_id = '{uuid.UUID(workspace)}'")[0]
    job = expect(GATEWAY, "POST", "/api/context/rebuild", {"force": True}, bearer).json["id"]
    checksum = sql(f"select checksum from bcm.manifest_head where workspace_id = '{uuid.UUID(workspace)}'")[0][0]
    owner = sql(f"select owner_id from identity.workspaces where id = '{uuid.UUID(workspace)}'")[0][0]
    invitation = expect(GATEWAY, "POST", "/api/auth/workspace/invitations", {"email": "invited@example.test", "role": "member"}, bearer)
    ids = {"order_id": order, "invoice_id": invoice, "job": job, "checksum": checksum, "alias": "walk", "number": "1", "other": "1", "workspace": workspace, "version": "1.0.0", "slug": "company", "factor_id": str(uuid.uuid4()), "session_id": str(uuid.uuid4()),
           "owner": owner, "invitation_id": invitation.json["id"], "user_id": member(workspace, "member").user}
    return workspace, ids


def service_key():
    """A secret key, as `auth-svc service-keys create` makes one."""
    key = f"sb_secret_{secrets.token_urlsafe(32)}"
    sql(f"""insert into identity.service_key (id, name, key_hash, created_at)
        values ('{uuid.uuid4()}', 'authorisation walk', sha256('{key}'), now())""")
    return {"Authorization": f"Bearer {key}"}


def member(workspace, role):
    """Somebody who was made a member of it, beside their own."""
    person = Person()
    sql(f"""insert into identity.memberships (workspace_id, user_id, role)
        select '{workspace}', user_id, '{role}' from identity.memberships where workspace_id = '{person.workspace}'""")
    person.bearer["X-Workspace-Id"] = workspace
    return person


def main():
    found = dict(operations())
    of_operators = {operation for operation in found if operation.split(" ")[1].startswith(OPERATORS)}
    of_workspace = OF_A_MEMBER | OF_AN_ADMIN | OF_AN_OWNER
    named = PUBLIC | OF_THE_CALLER | set(OF_A_SERVER) | set(of_workspace) | of_operators
    unknown, gone = sorted(set(found) - named), sorted(named - set(found))
    bare = sorted(operation for operation, secured in found.items() if secured == (operation in PUBLIC))
    for fault in unknown + gone + bare:
        log(f"not in step with the documents: {fault}")
    row(not (unknown or gone or bare), "every operation is public by the list or declares its security, and has its cases", f"{len(found)} operations, {len(PUBLIC)} public, {len(unknown) + len(gone) + len(bare)} wrong")

    owner = finished_owner()
    workspace, ids = things_of(owner)
    stranger, someone = Person(), Person()
    nobodys = {name: str(uuid.uuid4()) for operation in of_operators for name in operation.replace("{", "}").split("}")[1::2]}
    removed, lowly = member(workspace, "admin"), member(workspace, "member")
    in_owners = {"X-Workspace-Id": workspace}

    tokens = Walk()
    bearers = bad_tokens(someone).items()
    cases = [(operation, what, headers) for operation in found if operation not in PUBLIC for what, headers in bearers]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda case: ask(case[0], nobodys | ids, case[2], of_workspace.get(case[0])), cases)
        for (operation, what, _), answer in zip(cases, answers):
            wanted = {401, 403} if "/auth/v1/" in operation else {401}
            tokens.see(f"{operation} with {what}", answer, wanted)
    tokens.report("without a genuine token every operation that is not public is 401")

    strangers = Walk()
    for operation, more in of_workspace.items():
        strangers.see(f"{operation} in another's workspace", ask(operation, ids, stranger.bearer | in_owners, more), {404})
        if any(name in operation for name in OWNED):
            strangers.see(f"{operation} with another's id", ask(operation, ids, stranger.bearer, more), {404})
    strangers.report("another tenant's workspace and things are 404")

    operators, second_factor, admitted = Walk(), Walk(), Walk()
    forge = Forge(someone)
    role = forge.claims["app_metadata"] | {"groundwork_role": "operator"}
    once, twice = forge.bearer(app_metadata=role, aal="aal1"), forge.bearer(app_metadata=role, aal="aal2")
    # About an event that there is not, and dry: nothing happens to anybody's letters.
    harmless = {"body": {"filter": {"id": str(uuid.uuid4())}, "dry_run": True}}
    for operation in sorted(of_operators):
        more = {} if operation.startswith("GET ") else OF_AN_OPERATOR.get(operation, harmless)
        of_nothing = operation in OF_AN_OPERATOR or "{" in operation
        operators.see(f"{operation} as an owner", ask(operation, nobodys, owner, more), {403})
        refused = ask(operation, nobodys, once, more)
        second_factor.see(f"{operation} without a second factor", refused, {403})
        if (refused.json or {}).get("code") != "GW-0028":
            second_factor.faults.append(f"{operation} without a second factor: {refused.body[:160]!r}")
        admitted.see(f"{operation} as an operator", ask(operation, nobodys, twice, more), {404} if of_nothing else {200})
    operators.report("what is for operators is 403 to everybody else")
    second_factor.report("an operator without a second factor is told so with 403")
    admitted.report("an operator with a second factor is answered")

    servers, keyed = Walk(), Walk()
    key, nobody = service_key(), ids | {"user_id": str(uuid.uuid4())}
    for operation, more in OF_A_SERVER.items():
        for who, bearer in {"an owner": owner, "an operator": twice}.items():
            servers.see(f"{operation} as {who}", ask(operation, ids, bearer, more), {403})
        # What is asked for cannot be had: nothing happens to anybody.
        keyed.see(f"{operation} as a server", ask(operation, nobody, key, more), {200, 400, 404})
    servers.report("what is for servers is 403 to people, operators included")
    keyed.report("a server with a secret key is answered")

    roles = Walk()
    for operation, more in (OF_AN_ADMIN | OF_AN_OWNER).items():
        roles.see(f"{operation} as a member", ask(operation, ids, lowly.bearer, more), {403})
    for operation, more in OF_AN_OWNER.items():
        roles.see(f"{operation} as an admin", ask(operation, ids, removed.bearer, more), {403})
    roles.report("a role that is too low is 403")

    # What proves that the refusals above are about the caller: the same requests, from those who may.
    allowed = Walk()
    answered = set(range(200, 500)) - {401, 403, 404}
    for operation, more in OF_A_MEMBER.items():
        if not operation.endswith("/events"):
            allowed.see(f"{operation} as a member", ask(operation, ids, lowly.bearer, more), answered)
    for operation, more in OF_AN_OWNER.items():
        allowed.see(f"{operation} as an owner", ask(operation, ids, owner, more), answered)
    for operation, more in OF_AN_ADMIN.items():
        allowed.see(f"{operation} as an admin", ask(operation, ids, removed.bearer, more), answered)
    allowed.report("the same requests are answered to members, admins and owners")

    sql(f"delete from identity.memberships where workspace_id = '{workspace}' and user_id <> (select owner_id from identity.workspaces where id = '{workspace}')")
    forgotten_s = until("the role to be forgotten", MEMORY_S, lambda: ask("GET /api/context/freshness", ids, removed.bearer).status == 404)
    time.sleep(max(0.0, MEMORY_S - (forgotten_s or 0)))
    former = Walk()
    for operation, more in of_workspace.items():
        former.see(f"{operation} as a removed member", ask(operation, ids, removed.bearer, more), {404})
    former.report("a removed member is a stranger within seven seconds")


if __name__ == "__main__":
    main()
