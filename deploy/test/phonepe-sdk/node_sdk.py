"""Runs the witness of PhonePe's Node SDK, which is as PhonePe ships it, against a sandbox behind PhonePe's names.

Usage: `node_sdk.py BINARY sandbox|production WITNESS`, where WITNESS lies beside the packages that it imports.
"""

import contextlib
import os
import subprocess
import sys

from hosts import Hosts
from rig import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME, Checks, Sandbox, end_with_children, reached

PATIENCE_S = 60


def main(binary, environment, witness):
    end_with_children()
    checks = Checks()
    # Whatever was started is ended, even when a signal comes while another part ends.
    with contextlib.ExitStack() as started:
        sandbox = Sandbox(binary)
        started.callback(sandbox.stop)
        hosts = Hosts(sandbox.url)
        started.callback(hosts.close)
        settings = {
            "SANDBOX_URL": sandbox.url,
            "WITNESS_ENVIRONMENT": environment,
            "WITNESS_CLIENT_ID": CLIENT_ID,
            "WITNESS_CLIENT_SECRET": CLIENT_SECRET,
            "WITNESS_USERNAME": USERNAME,
            "WITNESS_PASSWORD": PASSWORD,
        }
        trusting = os.environ | settings | hosts.variables()
        run(checks, witness, "wrong-secret", trusting)
        run(checks, witness, "everything", trusting)
        run(checks, witness, "unknown-authority", trusting | {"NODE_EXTRA_CA_CERTS": ""})
        reached(checks, hosts, environment)
    return checks.close()


def run(checks, witness, name, variables):
    process = subprocess.Popen(["node", witness, name], env=variables, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    finally:
        process.kill()
        process.wait()
    passed, failed = checks.adopt(output)
    # A process that ends early must not pass for one whose checks passed.
    if not failed and (process.returncode != 0 or not passed):
        checks.fail(f"the run {name}", f"ended with {process.returncode} after {passed} checks")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
