"""PhonePe's hosts as its SDKs know them, by name and with TLS. Behind them is the sandbox."""

import http.client
import http.server
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.parse

NAMES = ("api-preprod.phonepe.com", "api.phonepe.com")
# Where each environment gives tokens, and where it has all else.
BASES = {
    "sandbox": ("https://api-preprod.phonepe.com/apis/pg-sandbox", "https://api-preprod.phonepe.com/apis/pg-sandbox"),
    "production": ("https://api.phonepe.com/apis/identity-manager", "https://api.phonepe.com/apis/pg"),
}
# openssl's own file differs from one system to the next.
OPENSSL_CONFIG = f"""
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = {", ".join(f"DNS:{name}" for name in NAMES)}
"""


def endpoints(environment, autopay):
    """Everything that a merchant asks of an environment, with or without mandates."""
    tokens, payments = BASES[environment]
    mandates = {
        f"POST {payments}/subscriptions/v2/setup",
        f"POST {payments}/subscriptions/v2/notify",
        f"POST {payments}/subscriptions/v2/redeem",
        f"GET {payments}/subscriptions/v2/order/*/status",
        f"GET {payments}/subscriptions/v2/transaction/*/status",
        f"GET {payments}/subscriptions/v2/*/status",
        f"POST {payments}/subscriptions/v2/*/cancel",
    }
    return (mandates if autopay else set()) | {
        f"POST {tokens}/v1/oauth/token",
        f"POST {payments}/checkout/v2/pay",
        f"POST {payments}/checkout/v2/sdk/order",
        f"GET {payments}/checkout/v2/order/*/status",
        f"GET {payments}/checkout/v2/transaction/*/status",
        f"POST {payments}/payments/v2/refund",
        f"GET {payments}/payments/v2/refund/*/status",
    }


def certificate(directory, name, extensions, *issuer):
    """A key and a certificate in one file."""
    made = pathlib.Path(directory, name)
    command = ["openssl", "req", "-x509", "-config", f"{directory}/config", "-extensions", extensions, "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}"]
    command += ["-keyout", f"{made}.key", "-out", f"{made}.crt", *issuer]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"openssl: {ended.stderr}")
    return made


def handler(hosts, tls, sandbox):
    """Answers in the place of the hosts and notes down what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        name = None

        def do_CONNECT(self):
            name, _, port = self.path.rpartition(":")
            if self.name or name not in NAMES or port != "443":
                return self.refuse()
            self.send_response_only(200, "Connection established")
            self.end_headers()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.name = name
            # A client of HTTP/1.0, which many are here, would end with this answer.
            self.close_connection = False

        def forward(self):
            if not self.name or self.headers["Host"] != self.name:
                return self.refuse()
            path = re.sub(r"/(order|refund|transaction)/[^/]+/status$", r"/\1/*/status", self.path.partition("?")[0])
            path = re.sub(r"/subscriptions/v2/[^/]+/(status|cancel)$", r"/subscriptions/v2/*/\1", path)
            hosts.asked.append(f"{self.command} https://{self.name}{path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection(sandbox, timeout=30)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for header in self.headers.items():
                upstream.putheader(*header)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            self.send_response_only(answer.status, answer.reason)
            for header in answer.getheaders():
                if header[0].lower() not in ("connection", "content-length", "transfer-encoding"):
                    self.send_header(*header)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = forward

        def refuse(self):
            hosts.refused.append(f"{self.command} {self.path}")
            self.send_response_only(403)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        def finish(self):
            super().finish()
            self.connection.close()

        def log_message(self, *_):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *client):
        # A client that goes away, or does not trust the certificate, is no defect of the proxy.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*client)


class Hosts:
    """A proxy that ends the TLS of PhonePe's names itself and refuses every other name. Its authority is thrown away."""

    def __init__(self, sandbox_url):
        self.asked = []
        self.refused = []
        self.directory = tempfile.TemporaryDirectory()
        directory = self.directory.name
        pathlib.Path(directory, "config").write_text(OPENSSL_CONFIG)
        authority = certificate(directory, "authority", "authority")
        issuer = ("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key")
        served = certificate(directory, "server", "server", *issuer)
        self.authority = f"{authority}.crt"
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(f"{served}.crt", f"{served}.key")
        self.server = Server(("127.0.0.1", 0), handler(self, tls, urllib.parse.urlsplit(sandbox_url).netloc))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def variables(self):
        """What the HTTP clients below the SDKs read in the environment. The sandbox's control API needs no proxy."""
        named = {"HTTP_PROXY": self.url, "HTTPS_PROXY": self.url, "NO_PROXY": "127.0.0.1"}
        named |= {name.lower(): value for name, value in named.items()}
        return named | {"REQUESTS_CA_BUNDLE": self.authority, "NODE_EXTRA_CA_CERTS": self.authority}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.directory.cleanup()
