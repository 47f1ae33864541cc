"""An SMTP server of aiosmtpd's: python witness.py plain|starttls|implicit [refuse COMMAND CODE].

Prints its port, then each mail that it took as one line of JSON, read by Python's own e-mail parser. With TLS it asks for
the user `groundwork` and the password `s3cr%t@`; its certificate is in the file that it prints beside the port.
"""

import asyncio
import datetime
import ipaddress
import json
import ssl
import sys
import tempfile
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MODE, REFUSAL = sys.argv[1], sys.argv[3:5]


def say(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if REFUSAL[:1] == ["MAIL"]:
            return f"{REFUSAL[1]} not from {address}"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if REFUSAL[:1] == ["RCPT"]:
            return f"{REFUSAL[1]} nobody is called {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if REFUSAL[:1] == ["DATA"]:
            return f"{REFUSAL[1]} no"
        message = message_from_bytes(envelope.content, policy=policy.default)
        say({
            "hello": session.host_name,
            "encrypted": session.ssl is not None or MODE == "implicit",
            "user": (session.auth_data or b"").decode(),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(message[name]) for name in ("From", "To", "Subject", "Message-ID")},
            "text": message.get_body(("plain",)).get_content().replace("\r\n", "\n").strip(),
            "html": message.get_body(("html",)).get_content().strip(),
            "attachments": [
                {"name": part.get_filename(), "type": part.get_content_type(), "content": part.get_content().decode("latin-1")}
                for part in message.iter_attachments()
            ],
            "ascii": envelope.content.isascii(),
            "has_date": message["Date"].datetime is not None,
        })
        return "250 OK"


def authenticate(server, session, envelope, mechanism, credentials):
    known = (credentials.login, credentials.password) == (b"groundwork", b"s3cr%t@")
    return AuthResult(success=known, auth_data=credentials.login, handled=False)


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an SMTP server of a test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return context, str(pem)


# Removed when this process ends.
folder = tempfile.TemporaryDirectory()
context, pem = certificate(Path(folder.name)) if MODE != "plain" else (None, "")
tls = {"tls_context": context, "require_starttls": True} if MODE == "starttls" else {}
auth = {} if MODE == "plain" else {"authenticator": authenticate, "auth_required": True, "auth_require_tls": MODE == "starttls"}


async def serve():
    loop = asyncio.get_running_loop()
    factory = lambda: SMTP(Handler(), enable_SMTPUTF8=MODE != "plain", loop=loop, **tls, **auth)
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if MODE == "implicit" else None)
    say({"port": server.sockets[0].getsockname()[1], "certificate": pem})
    # Until the test closes it.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
