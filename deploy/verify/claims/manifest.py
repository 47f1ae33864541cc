#!/usr/bin/env python3
"""The manifest through the gateway: conditional requests, compression, files, streams, rebuilds at once. RFC 9110 by the book:
weak comparison, lists, `*`, a 304 without a body, whatever lies between the service and the caller."""

import gzip
import hashlib
import json
import os
import subprocess
import tempfile
import urllib.parse
from base64 import b64encode
from pathlib import Path

import http.client

from client import GATEWAY, at_once, built, expect, finished_owner, log, row, send, settings, sql, until


class Suite:
    """Checks that count themselves."""

    def __init__(self):
        self.count, self.faults = 0, []

    def see(self, good, what):
        self.count += 1
        if not good:
            self.faults.append(what)
            log(f"wrong: {what}")

    def report(self, claim):
        row(self.count > 0 and not self.faults, claim, f"{self.count} checks, {len(self.faults)} wrong")


def get(owner, path, **headers):
    return send(GATEWAY, "GET", f"/api/context/{path}", headers=owner | {name.replace("_", "-"): value for name, value in headers.items()})


def repr_digest(body):
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


# As they lie in a tier, and as they are made when somebody asks, which a minute has a limit of.
STORED = ["manifest", "manifest?view=content", "manifest/versions/1", "manifest/versions/1?view=content", "export"]
MADE = ["manifest?fields=/company/name&provenance=true", "export?format=yaml", "export?format=markdown&gz=true", "prompt?budget=600", "diff"]


def conditional_requests(owner):
    suite = Suite()
    cases = [(path, coding) for path in STORED for coding in ("identity", "gzip", "gzip, br;q=0.5", None)]
    cases += [(path, coding) for path in MADE for coding in ("identity", "gzip")]
    for path, coding in cases:
        coded = {} if coding is None else {"Accept_Encoding": coding}
        first = get(owner, path, **coded)
        tag, case = first.headers.get("etag", ""), f"{path} as {coding}"
        suite.see(first.status == 200 and tag.startswith('W/"'), f"{case}: {first.status} with the tag {tag!r}")
        packed = first.headers.get("content-encoding") == "gzip"
        # A file that is compressed itself has no coding.
        suite.see(packed == ("gzip" in (coding or "") and not path.endswith("gz=true")), f"{case}: content-encoding {first.headers.get('content-encoding')}")
        suite.see(first.headers.get("repr-digest") == repr_digest(first.body), f"{case}: the digest is not that of the bytes")
        suite.see("accept-encoding" in first.headers.get("vary", "").lower(), f"{case}: vary {first.headers.get('vary')}")
        opaque = tag.removeprefix("W/")
        matching = [tag, opaque, f'W/"x",{opaque} , "y"', f'"nothing", {tag}', "*", f" {tag} "]
        other = ['"nothing"', f'{opaque[:-1]}--gzip"', opaque[:-2] + '"', f'"{opaque[2:]}', 'W/"', "garbage", '"a", "b"', ""]
        if path in MADE:
            matching, other = matching[:3], other[:2]
        for held in matching:
            answer = get(owner, path, If_None_Match=held, **coded)
            suite.see(answer.status == 304 and answer.body == b"", f"{case}: {held!r} gave {answer.status} and {len(answer.body)} bytes")
            suite.see(answer.headers.get("etag") == tag, f"{case}: the tag of the 304 for {held!r}: {answer.headers}")
        for held in other:
            suite.see(get(owner, path, If_None_Match=held, **coded).status == 200, f"{case}: {held!r} gave no 200")
    plain, packed = get(owner, "manifest", Accept_Encoding="identity"), get(owner, "manifest", Accept_Encoding="gzip")
    suite.see(gzip.decompress(packed.body) == plain.body, "gzip and identity hold different bytes")
    suite.see(plain.headers["etag"] == packed.headers["etag"], "one representation, one weak tag")
    suite.see(get(owner, "manifest?view=content", If_None_Match=plain.headers["etag"]).status == 200, "the tag of another representation gave a 304")
    suite.report("conditional requests through nginx: lists, *, weak comparison, gzip and identity; a 304 has no body")


def files(owner):
    suite = Suite()
    content = get(owner, "manifest?view=content", Accept_Encoding="identity").body
    checksum = get(owner, "manifest").json["record"]["checksum"]
    suite.see(hashlib.sha256(content).hexdigest() == checksum, "the checksum is not that of the content")
    for path in ("export", "export?format=yaml", "export?format=markdown", "export?gz=true"):
        answer = get(owner, path)
        suite.see(answer.headers.get("x-checksum-sha256") == checksum, f"{path}: another checksum")
        suite.see("attachment" in answer.headers.get("content-disposition", ""), f"{path}: no file name")
    suite.see(gzip.decompress(get(owner, "export?gz=true").body) == get(owner, "export", Accept_Encoding="identity").body == content, "the file is not the content")
    with tempfile.TemporaryDirectory() as folder:
        keys, signed, tampered, unsigned = (Path(folder, name) for name in ("keys.json", "signed.json", "tampered.json", "unsigned.json"))
        keys.write_bytes(expect(GATEWAY, "GET", "/api/context/keys").body)
        signed.write_bytes(get(owner, "export?signed=true", Accept_Encoding="identity").body)
        tampered.write_bytes(signed.read_bytes().replace(b'"schema_version":"1"', b'"schema_version":"2"'))
        unsigned.write_bytes(content)
        # Neither database nor cache nor broker can be reached: nothing of them is asked.
        alone = settings("bcm-svc") | {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0", "AMQP_URL": "amqp://127.0.0.1:1/none", "PATH": os.environ["PATH"]}
        for file, good in ((signed, True), (tampered, False), (unsigned, False)):
            ran = subprocess.run([built("bcm-svc"), "verify", file, "--keys", keys], env=alone, capture_output=True, text=True, check=False)
            suite.see((ran.returncode == 0) == good, f"verify {file.name}: {ran.returncode} {ran.stdout}{ran.stderr}")
    suite.report("files hold the exact bytes; a signed one verifies without a network, a changed or unsigned one does not")


def stream(owner):
    """The first event of a stream, and the seconds until the one that a pin causes."""
    address = urllib.parse.urlsplit(GATEWAY)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    connection.request("GET", "/api/context/events", headers=owner)
    response = connection.getresponse()

    def event():
        while line := response.readline().decode():
            if line.startswith("data: "):
                return json.loads(line[6:])
        return None

    first = event()
    changed = send(GATEWAY, "POST", "/api/context/pin", {"version": 1}, owner)
    second = event()
    send(GATEWAY, "DELETE", "/api/context/pin", headers=owner)
    connection.close()
    # There is one version, so that consumers who are kept on it are kept from nothing: `pinned` stays false.
    good = first and second and changed.status == 200 and second["generation"] > first["generation"] and second["sequence"] == 1
    row(bool(good), "a pin is heard of by an open page through nginx", f"generation {first and first['generation']} then {second and second['generation']}")


def rebuilds_at_once(owner, workspace):
    before = int(sql(f"select count(*) from bcm.business_context_manifests where workspace_id = '{workspace}'")[0][0])
    answers = at_once(50, lambda: send(GATEWAY, "POST", "/api/context/rebuild", {"force": True}, owner))
    jobs = {answer.json["id"] for answer in answers if answer.status == 202}
    statuses = sorted({answer.status for answer in answers})
    ended = until("the jobs to end", 60, lambda: sql(f"select count(*) from bcm.rebuild_job where workspace_id = '{workspace}' and state in ('queued', 'running')")[0][0] == "0")
    after, last = sql(f"select count(*), max(sequence) from bcm.business_context_manifests where workspace_id = '{workspace}'")[0]
    new = int(after) - before
    good = ended is not None and new in (0, 1) and last == after and set(statuses) <= {202, 429, 503} and jobs
    row(bool(good), "50 rebuilds at once make one new version or none", f"answers {statuses}, {len(jobs)} jobs, {new} new versions, no gap")


def main():
    owner = finished_owner()
    workspace = expect(GATEWAY, "POST", "/api/auth/ensure-profile", {}, owner).json["workspace"]["id"]
    owner |= {"X-Workspace-Id": workspace}
    conditional_requests(owner)
    files(owner)
    stream(owner)
    rebuilds_at_once(owner, workspace)


if __name__ == "__main__":
    main()
