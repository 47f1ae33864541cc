#!/usr/bin/env python3
"""Runs schemathesis against each of the four OpenAPI documents through the gateway: whether answers have a documented
status, media type, headers and body, whatever is asked; and never a 5xx."""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "deploy" / "verify" / "claims"))
from client import GATEWAY, Person, finished_owner, row  # noqa: E402

DOCUMENTS = ["auth", "payments", "onboarding", "context"]
# Off are: checks of what is right to answer in the present state (positive_data_acceptance: a paid order cannot be paid), which
# the documents do not hold; of input (negative_data_rejection, missing_required_header), which bad_input.py walks with our
# own codes, and of which /auth/v1 takes more than its document says, as Supabase's clients need; of links
# (use_after_free, ensure_resource_availability), which the documents do not have; and object_level_authorization, which
# authorisation.py proves for more than two people.
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
# They begin for whoever asks, and are documented as text, which is not what schemathesis reads events as; authorisation.py and
# bad_input.py ask.
STREAMS = {
    "auth": ["/api/auth/gate/events"],
    "onboarding": ["/api/onboarding/finalize/{number}/events"],
    "context": ["/api/context/events"],
}
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "50")
LIMIT_S = 300


def run(name, bearer, folder):
    """The verdict, the number of requests and the seconds."""
    report = Path(folder, f"{name}.json")
    command = ["schemathesis", "run", f"{GATEWAY}/api/{name}/openapi.json", "--header", f"Authorization: {bearer['Authorization']}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES]
    command += ["--request-timeout", "20", "--generation-deterministic", "--warnings", "off", "--no-color"]
    command += ["--continue-on-failure", "--report", "json", "--report-json-path", str(report)]
    for stream in STREAMS.get(name, []):
        command += ["--exclude-path", stream]
    began = time.monotonic()
    try:
        ran = subprocess.run(command, cwd=folder, timeout=LIMIT_S, capture_output=True, text=True, check=False)
        code, output = ran.returncode, ran.stdout + ran.stderr
    except subprocess.TimeoutExpired as late:
        report.unlink(missing_ok=True)  # begun, at most
        code, output = 1, f"not done in {LIMIT_S} s\n{(late.stdout or b'').decode(errors='replace')}"
    return code, output, report, time.monotonic() - began


def main():
    owner, other = finished_owner(), Person().bearer
    failed = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        # Signing out is one of the operations of `auth`: its person is nobody else's.
        jobs = [(name, pool.submit(run, name, other if name == "auth" else owner, folder)) for name in DOCUMENTS]
        for name, job in jobs:
            code, output, report, took_s = job.result()
            cases = json.loads(report.read_text()) if report.exists() else {}
            count, asked = cases.get("test_cases") or {}, cases.get("operations") or {}
            figure = f"{asked.get('tested', 0)} operations, {count.get('generated', 0)} requests, {count.get('with_failures', 0)} wrong, {took_s:.0f} s"
            good = code == 0 and 0 < asked.get("tested", 0) == asked.get("total", 0) - len(STREAMS.get(name, []))
            if not good:
                print(output)
                failed = True
            row(good, f"answers of /api/{name} are what its OpenAPI document says", figure)
    sys.exit(failed)


if __name__ == "__main__":
    main()
