#!/usr/bin/env python3
"""Runs schemathesis against each of the four OpenAPI documents through the gateway: whether answers have a documented
status, media type, headers and body, whatever is asked; and never a 5xx."""

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "deploy" / "verify" / "claims"))
from client import GATEWAY, Person, expect, row  # noqa: E402

DOCUMENTS = ["auth", "payments", "onboarding", "context"]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "50")
LIMIT_S = 150


def finished_owner():
    """Somebody whose workspace has a manifest."""
    email = f"schema-{uuid.uuid4().hex}@example.test"
    profile = "release" if os.environ.get("PROFILE") == "release" else "debug"
    journey = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), profile, "journey")
    subprocess.run([journey, "demo", "--email", email], check=True, stdout=subprocess.DEVNULL)
    login = {"email": email, "password": "groundwork-demo-2026"}
    return expect(GATEWAY, "POST", "/auth/v1/token?grant_type=password", login).json["access_token"]


def run(name, token, folder):
    """The verdict, the number of requests and the seconds."""
    report = Path(folder, f"{name}.json")
    command = ["schemathesis", "run", f"{GATEWAY}/api/{name}/openapi.json", "--header", f"Authorization: Bearer {token}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES]
    command += ["--request-timeout", "20", "--generation-deterministic", "--warnings", "off", "--no-color"]
    command += ["--continue-on-failure", "--report", "json", "--report-json-path", str(report)]
    began = time.monotonic()
    try:
        ran = subprocess.run(command, cwd=folder, timeout=LIMIT_S, capture_output=True, text=True, check=False)
        code, output = ran.returncode, ran.stdout + ran.stderr
    except subprocess.TimeoutExpired as late:
        code, output = 1, f"not done in {LIMIT_S} s\n{(late.stdout or b'').decode(errors='replace')}"
    return code, output, report, time.monotonic() - began


def main():
    token, other = finished_owner(), Person().bearer["Authorization"].split(" ")[1]
    failed = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        # Signing out is one of the operations of `auth`: its person is nobody else's.
        jobs = [(name, pool.submit(run, name, other if name == "auth" else token, folder)) for name in DOCUMENTS]
        for name, job in jobs:
            code, output, report, took_s = job.result()
            cases = json.loads(report.read_text()) if report.exists() else {}
            count, asked = cases.get("test_cases") or {}, cases.get("operations") or {}
            figure = f"{asked.get('tested', 0)} operations, {count.get('generated', 0)} requests, {count.get('with_failures', 0)} wrong, {took_s:.0f} s"
            good = code == 0 and 0 < asked.get("tested", 0) == asked.get("total")
            if not good:
                print(output)
                failed = True
            row(good, f"answers of /api/{name} are what its OpenAPI document says", figure)
    sys.exit(failed)


if __name__ == "__main__":
    main()
