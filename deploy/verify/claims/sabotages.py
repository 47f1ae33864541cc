#!/usr/bin/env python3
"""sabotages.py [NAME...]: auth-svc with one thing spoiled, one after the other: the clients' suites must notice each of them.
With names only those. Works on a copy of the sources and builds into a folder of its own, one ahead of the one whose suites run;
needs a started stack."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from client import ROOT, log, row

# The same place each time, so that only what is spoiled is built anew.
TARGET = Path(os.environ["CARGO_TARGET_DIR"], "sabotage")
TREE, BINARY = TARGET / "tree", TARGET / "debug" / "auth-svc"
# A suite that waits for mails which never come takes minutes.
SUITE_LIMIT_S = 600
AUTH, KIT = "services/auth-svc/src", "crates/service-kit/src"
# A name; the case of the suites that is about it and has to fail; files with a text, which is there once, and what becomes of it.
SABOTAGES = [
    (
        "any password accepted",
        "is refused with another password",
        [(f"{AUTH}/provider/hashing.rs", "Some(output)) && !is_nobody", "Some(output)) || !is_nobody")],
    ),
    (
        "signature unchecked",
        "a signature of which one bit is turned",
        [
            (
                f"{KIT}/auth/verifier.rs",
                """        let raw = decode::<Map<String, Value>>(token, key, &validation).map_err(|_| AuthError::Invalid)?.claims;
""",
                """        let raw = match decode::<Map<String, Value>>(token, key, &validation) {
            Err(error) if matches!(error.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature) => {
                jsonwebtoken::dangerous::insecure_decode(token)
            }
            known => known,
        };
        let raw = raw.map_err(|_| AuthError::Invalid)?.claims;
""",
            )
        ],
    ),
    (
        "expiry unchecked",
        "a token that ended long ago",
        [(f"{KIT}/auth/verifier.rs", "if claims.expires_at + leeway <= now { Err(AuthError::Expired) } else { Ok(claims) }", "Ok(claims)")],
    ),
    (
        "audience unchecked",
        "another audience",
        [(f"{KIT}/auth/verifier.rs", "validation.validate_exp = false;", "(validation.validate_exp, validation.validate_aud) = (false, false);")],
    ),
    (
        "sign-out does nothing",
        "of this device ends its session and no other",
        [
            (
                f"{AUTH}/provider/sign_out.rs",
                """            let ended = match scope {
                Scope::Global => store::delete_all(connection, user.as_uuid()).await?,
                Scope::Local => store::delete(connection, session).await?,
                Scope::Others => store::delete_others(connection, user.as_uuid(), session).await?,
            };
""",
                """            let ended = 0;
""",
            )
        ],
    ),
    (
        "no reuse detection",
        "takes an older token after the reuse interval for theft and ends the session at once",
        [(f"{AUTH}/provider/refresh_token.rs", "Some(_) => Verdict::Reused,", "Some(_) => Verdict::Repeat,")],
    ),
    (
        "descendant token survives reuse",
        "leaves no token of a stolen session alive",
        [
            (
                f"{AUTH}/provider/refresh.rs",
                """        Verdict::Reused => {
            sessions::delete(connection, session.id).await?;
""",
                """        Verdict::Reused => {
""",
            )
        ],
    ),
    (
        "admin role unchecked",
        "is closed at GET /admin/users to whoever is no server",
        [
            (f"{AUTH}/provider/service_role.rs", "        return Err(NotAServer::NotAdmin);\n", "        return Ok(Server::Legacy);\n"),
            (f"{AUTH}/provider/service_role.rs", "if ROLES.contains(&role.as_str()) {", "if ROLES.contains(&role.as_str()) || !role.is_empty() {"),
        ],
    ),
    (
        "unconfirmed user signs in",
        "lets nobody sign in before the address is confirmed",
        [
            (
                f"{AUTH}/provider/sign_in.rs",
                """        Some(user) if verified && user.email_confirmed_at.is_none() => Some((SignInError::EmailNotConfirmed, "email_not_confirmed")),
""",
                "",
            )
        ],
    ),
    (
        "no error codes",
        "has its code in words for clients that know them",
        [
            (
                f"{AUTH}/http/error.rs",
                """            json!({"code": self.code, "message": self.message})
        } else {
            json!({"code": self.status.as_u16(), "error_code": self.code, "msg": self.message})
""",
                """            json!({"message": self.message})
        } else {
            json!({"code": self.status.as_u16(), "msg": self.message})
""",
            )
        ],
    ),
    (
        "no version header",
        "of every kind says its version and its code",
        [
            (
                f"{AUTH}/http/error.rs",
                """            response.insert_header(("x-supabase-api-version", API_VERSION));
""",
                "",
            )
        ],
    ),
    (
        # The legacy key has neither subject nor audience and another issuer, so that it takes two lapses.
        "the public anon key accepted as a user",
        "the legacy public key of the project",
        [
            (
                f"{KIT}/auth/verifier.rs",
                """        let raw = decode::<Map<String, Value>>(token, key, &validation).map_err(|_| AuthError::Invalid)?.claims;
""",
                """        let mut lax = Validation::new(algorithm);
        (lax.validate_exp, lax.validate_aud) = (false, false);
        lax.required_spec_claims.clear();
        let is_anon = |claims: &Map<String, Value>| claims.get("role").is_some_and(|role| role == "anon");
        let known = decode::<Map<String, Value>>(token, key, &validation)
            .or_else(|error| decode::<Map<String, Value>>(token, key, &lax).ok().filter(|known| is_anon(&known.claims)).ok_or(error));
        let mut raw = known.map_err(|_| AuthError::Invalid)?.claims;
        raw.entry("sub").or_insert_with(|| "00000000-0000-0000-0000-000000000000".into());
""",
            ),
            (f"{AUTH}/http/body.rs", 'if claims.role() == "authenticated" {', 'if matches!(claims.role(), "authenticated" | "anon") {'),
        ],
    ),
]


# Without it a red suite says nothing.
UNSPOILED = ("unspoiled", None, [])


class Unfit(Exception):
    """Nothing can be said of a sabotage that did not take place."""


def copy():
    """The sources as they are here. Cargo goes by age, so that a file is written only where it differs."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if (ROOT / name).is_file()}
    for name in names:
        content, target = (ROOT / name).read_bytes(), TREE / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in names:
            path.unlink()


@contextlib.contextmanager
def spoiled(edits):
    originals = {}
    try:
        for name, old, new in edits:
            path = TREE / name
            text = path.read_text(encoding="utf-8")
            originals.setdefault(path, text)
            if text.count(old) != 1:
                raise Unfit(f"the text to be spoiled is {text.count(old)} times in {name}")
            path.write_text(text.replace(old, new), encoding="utf-8")
        yield
    finally:
        for path, text in originals.items():
            path.write_text(text, encoding="utf-8")


def build(edits, name):
    """Where the build of the spoiled sources is."""
    binary = TARGET / f"auth-svc, {name}"
    with spoiled(edits):
        cargo_build()
        shutil.copy2(BINARY, binary)
    return binary


def cargo_build():
    command = ["cargo", "build", "--quiet", "--bin", "auth-svc"]
    built = subprocess.run(command, cwd=TREE, env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)}, stdout=sys.stderr)
    if built.returncode != 0:
        raise Unfit("it does not compile, see the log")


def suites(binary):
    """The exit code of the clients' suites on a build, and what they printed."""
    with tempfile.TemporaryFile() as output:
        script, environment = ROOT / "deploy/test/11-supabase-clients.sh", os.environ | {"AUTH_SVC": str(binary)}
        # A session of its own, so that all of it can be ended.
        process = subprocess.Popen([script], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(SUITE_LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(60)
        output.seek(0)
        printed = output.read().decode(errors="replace")
    log(printed)
    return code, printed


def failures(printed):
    """How many cases failed, and their names."""
    # Node cancels what a broken preparation leaves without its beginning.
    counts = re.findall(r"^ℹ (?:fail|cancelled) (\d+)$", printed, re.MULTILINE)
    for summary in re.findall(r"^=+ (.* in [\d.]+s.*) =+$", printed, re.MULTILINE):
        counts += re.findall(r"(\d+) (?:failed|error)", summary)
    names = re.findall(r"^\s*✖ (.+) \([\d.]+ms\)$", printed, re.MULTILINE)
    return sum(map(int, counts)), set(names)


def cases(printed):
    found = re.search(r"^(\d+) cases: ", printed, re.MULTILINE)
    return int(found[1]) if found else 0


def unspoiled(building):
    """Whether the suites pass on a build of the copy as it is."""
    claim = "the clients' suites pass on the build that is spoiled next"
    try:
        binary = building.result()
    except Unfit as why:
        row(False, claim, why)
        return False
    code, printed = suites(binary)
    failed, _ = failures(printed)
    row(code == 0 and cases(printed) > 0, claim, f"{cases(printed)} cases, {failed} fail")
    binary.unlink()
    return code == 0


def sabotage(name, case, building):
    claim = f"sabotage, {name}: the clients' suites turn red"
    log(f"--- {name}")
    try:
        binary = building.result()
    except Unfit as why:
        row(False, claim, why)
        return
    code, printed = suites(binary)
    binary.unlink()
    failed, names = failures(printed)
    if code is None:
        figure = f"no end within {SUITE_LIMIT_S} s"
    elif not cases(printed):
        figure = "no case was run"
    else:
        figure = f"{failed} of {cases(printed)} cases fail, “{case}” {'among them' if case in names else 'not among them'}"
    row(code not in (0, None) and failed > 0 and case in names, claim, figure)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the suites would go on
    wanted = sys.argv[1:]
    names = [name for name, *_ in SABOTAGES]
    if not set(wanted) <= set(names):
        raise SystemExit(f"there are the sabotages {', '.join(names)}")
    copy()
    todo = [UNSPOILED, *(sabotage for sabotage in SABOTAGES if not wanted or sabotage[0] in wanted)]
    with ThreadPoolExecutor(1) as builder:
        following = builder.submit(build, UNSPOILED[2], UNSPOILED[0])
        for (name, case, _), after in itertools.zip_longest(todo, todo[1:]):
            building, following = following, after and builder.submit(build, after[2], after[0])
            if case:
                sabotage(name, case, building)
            elif not unspoiled(building):
                return


if __name__ == "__main__":
    main()
