"""An auth-svc of a claim's own: beside the stack, on its data, with settings that the stack does not have."""

import contextlib
import os
import socket
import subprocess
import sys

from client import built, send, settings, until


def free_addresses():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    for each in sockets:
        with each:
            yield f"127.0.0.1:{each.getsockname()[1]}"


@contextlib.contextmanager
def provider(**changes):
    """Where it is, while it runs. It has no workers: the stack's own process sends the mails."""
    public, internal = free_addresses()
    base = f"http://{public}"
    environment = os.environ | settings("auth-svc") | changes
    environment |= {
        "GROUNDWORK__HTTP__PUBLIC_ADDR": public,
        "GROUNDWORK__HTTP__INTERNAL_ADDR": internal,
        "GROUNDWORK__AUTH__JWKS_URL": f"{base}/auth/v1/.well-known/jwks.json",
    }
    environment.pop("SUPABASE_URL", None)

    def healthy():
        try:
            return send(base, "GET", "/auth/v1/health").status == 200
        except OSError:
            return False

    process = subprocess.Popen([built("auth-svc"), "serve"], env=environment, stdout=sys.stderr)
    try:
        if until("an auth-svc of its own", 30, healthy) is None:
            raise SystemExit("auth-svc did not become healthy")
        yield base
    finally:
        process.terminate()
        process.wait(30)
