"""What the tests of the Python client share: clients, accounts, mails, and tokens that nobody should accept."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import struct
import time
import urllib.parse
import urllib.request
import uuid

from supabase_auth import SyncGoTrueClient
from supabase_auth.errors import AuthApiError

URL = os.environ["SUPABASE_URL"] + "/auth/v1"
SANDBOX_URL = os.environ["SANDBOX_URL"]
SECRET = os.environ["SUPABASE_JWT_SECRET"]
PASSWORD = "correct horse battery"
OTHER_PASSWORD = "an entirely new one"
PUBLISHABLE_KEY = "sb_publishable_0123456789abcdefghij"
SECRET_KEY = os.environ["SUPABASE_SECRET_KEY"]
REVOKED_KEY = os.environ["SUPABASE_REVOKED_KEY"]
APP = "http://app.example.test"
REUSE_INTERVAL_S = 10
MAIL_PATIENCE_S = 60


def client(key=PUBLISHABLE_KEY, **options):
    """The official client. Each has a storage of its own."""
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    return SyncGoTrueClient(url=URL, headers=headers, auto_refresh_token=False, **options)


def admin_client(key=SECRET_KEY):
    """The same client in a server that has the key."""
    return client(key)


def new_email(name="python"):
    return f"{name}-{uuid.uuid4()}@example.test"


@contextlib.contextmanager
def refused(status, code):
    """Requires that what is done inside is refused with this status and code."""
    try:
        yield
    except AuthApiError as error:
        assert (error.status, error.code) == (status, code), error.message
    else:
        raise AssertionError(f"was not refused with {code}")


_read = set()


def _kind(mail):
    link = re.search(r"/auth/confirm#(\S+)", mail["text"])
    if link:
        return urllib.parse.parse_qs(link[1])["type"][0]
    return "code" if "type this code: " in mail["text"].lower() else "notice"


class Letter:
    def __init__(self, text):
        code = re.search(r"type this code: (\d{6})\b", text, re.IGNORECASE)
        link = re.search(r"/auth/confirm#(\S+)", text)
        self.code = code and code[1]
        self.token_hash = link and urllib.parse.parse_qs(link[1])["token_hash"][0]


def letter(email, kind):
    """The newest mail of the kind that no test has read yet: the type of its link, `code` without one, or `notice`."""
    end = time.monotonic() + MAIL_PATIENCE_S
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{SANDBOX_URL}/control/mails") as response:
            mails = json.load(response)
        for mail in mails:
            if email in mail["to"] and mail["id"] not in _read and _kind(mail) == kind:
                _read.add(mail["id"])
                return Letter(mail["text"])
        time.sleep(0.3)
    raise AssertionError(f"no mail of the kind {kind} reached {email}")


def person():
    """A person with a confirmed address; the client is signed in."""
    auth, email = client(), new_email()
    auth.sign_up({"email": email, "password": PASSWORD})
    auth.verify_otp({"type": "signup", "token_hash": letter(email, "signup").token_hash})
    return auth, email


def member(**attributes):
    """Somebody whom a server made, with a confirmed address and signed in nowhere. Costs no mail."""
    asked = {"email": new_email("member"), "password": PASSWORD, "email_confirm": True} | attributes
    return admin_client().admin.create_user(asked).user


def device(email, password=PASSWORD):
    """Another device of a person."""
    auth = client()
    return auth, auth.sign_in_with_password({"email": email, "password": password}).session


def wrong_code(code):
    return "000001" if code == "000000" else "000000"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def hs256(payload, key=SECRET):
    """A token with the symmetric signature of the holder of the key."""
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, payload))
    return f"{signed}.{_base64url(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))}"


def altered(token, **changes):
    """A genuine token with other claims and the signature that it had."""
    header, _, signature = token.split(".")
    return f"{header}.{_base64url(json.dumps(claims(token) | changes).encode())}.{signature}"


def legacy_key(role):
    """A key of the project as it was before keys were opaque: a token of nobody."""
    return hs256({"iss": "supabase", "ref": "groundwork", "role": role, "iat": int(time.time()), "exp": int(time.time()) + 3600})


def app_code(secret, later=0):
    """What an authenticator app shows (RFC 6238), now or so many steps of half a minute later."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + later), hashlib.sha1)
    start = mac[19] & 15
    return f"{(struct.unpack('>I', mac[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def follow(token_hash, kind, redirect_to=APP):
    """Follows the link of a mail as a browser does; gives the address that it leads to."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    query = urllib.parse.urlencode({"token": token_hash, "type": kind, "redirect_to": redirect_to})
    try:
        urllib.request.build_opener(Stay).open(f"{URL}/verify?{query}")
    except urllib.error.HTTPError as answer:
        assert answer.code == 303, answer.read()
        return answer.headers["location"]
    raise AssertionError("the link leads nowhere")
