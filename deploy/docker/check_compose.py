"""Proves what the schema of docker-compose.yml cannot: every path, service, build target, interpolated variable and
setting that it names exists, and the template of the gateway gets every variable it uses."""

import re
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
OURS = ("auth-svc", "payments-svc", "onboarding-svc", "bcm-svc", "sandbox")
SOURCES = (".rs", ".toml")


def source_text(root):
    """The Rust side, in which every setting must be read by somebody."""
    files = [path for top in ("crates", "services") for path in (root / top).rglob("*") if path.suffix in SOURCES]
    return "\n".join(path.read_text() for path in files)


def problems(text, root, sources):
    compose = YAML(typ="safe").load(text)
    services = compose["services"]
    example = set(re.findall(r"^([A-Z_]+)=", (root / ".env.example").read_text(), re.M))
    dockerfile = (root / "deploy/docker/Dockerfile").read_text()
    targets = set(re.findall(r"^FROM .* AS (\S+)", dockerfile, re.M))

    named = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    yield from (f".env.example lacks {name}" for name in sorted(named - example))
    yield from (f".env.example has {name}, which nothing uses" for name in sorted(example - named))
    for source in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.M):
        if not (root / source).exists():
            yield f"Dockerfile copies {source}, which does not exist"

    for name, service in services.items():
        build = service.get("build")
        if build:
            if not (root / build["context"] / build["dockerfile"]).is_file():
                yield f"{name}: there is no {build['dockerfile']}"
            if build["target"] not in targets:
                yield f"{name}: the Dockerfile has no target {build['target']}"
            binary = build.get("args", {}).get("service")
            if binary and (binary not in OURS or not (root / "services" / binary).is_dir()):
                yield f"{name}: there is no service {binary}"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not (root / source).exists():
                    yield f"{name}: there is no {source}"
            elif source not in compose["volumes"]:
                yield f"{name}: volume {source} is not declared"
        for other, condition in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name} depends on {other}, which is no service"
            elif condition["condition"] == "service_healthy":
                check = services[other].get("healthcheck", {})
                if check.get("disable") or not (check or services[other].get("build")):
                    yield f"{name} waits for the health of {other}, which has no health check"
        if build and build["target"] == "service":
            yield from unread(name, service["environment"], sources)
        for value in map(str, service.get("environment", {}).values()):
            for host in re.findall(r"(?://|@)([a-z][a-z-]*):\d+", value):
                if host not in services:
                    yield f"{name}: {host} is no service"

    template = (root / "deploy/gateway/nginx.conf.template").read_text()
    given = set(services["gateway"]["environment"]) | set(re.findall(r"(GATEWAY_[A-Z]+)=", dockerfile))
    for name in sorted(set(re.findall(r"\$\{(GATEWAY_[A-Z]+)\}", template)) - given):
        yield f"gateway: {name} is not given"


def unread(name, environment, sources):
    """Settings that no source mentions: by their whole name, or as a key for GROUNDWORK__SECTION__KEY."""
    for variable in environment:
        word = variable.rsplit("__", 1)[-1].lower() if variable.startswith("GROUNDWORK__") else variable
        if not re.search(rf"\b{re.escape(word)}\b", sources):
            yield f"{name}: no source reads {variable}"


def plants(text):
    """One defect of each kind: a check that cannot fail proves nothing."""
    yield text.replace("deploy/docker/Dockerfile", "deploy/docker/Nowhere")
    yield text.replace("./deploy/rabbitmq/definitions.sh", "./deploy/rabbitmq/nowhere.sh")
    yield text.replace("${PHONEPE_CLIENT_SECRET:?}", "${PHONEPE_SECRET:?}")
    yield text.replace("redis://:${REDIS_PASSWORD:?}@redis:", "redis://:${REDIS_PASSWORD:?}@cache:")
    yield text.replace("GROUNDWORK__HTTP__PUBLIC_ADDR", "GROUNDWORK__HTTP__PUBLIC_PLACE")
    yield text.replace("      auth-svc-migrate:\n", "      identity-migrate:\n")
    yield text.replace("GATEWAY_BCM:", "GATEWAY_CONTEXT:")


def main():
    text = (ROOT / "docker-compose.yml").read_text()
    sources = source_text(ROOT)
    found = list(problems(text, ROOT, sources))
    for number, planted in enumerate(plants(text), 1):
        if planted == text or len(list(problems(planted, ROOT, sources))) <= len(found):
            found.append(f"planted defect {number} was not noticed")
    for problem in found:
        print(f"compose: {problem}", file=sys.stderr)
    sys.exit(bool(found))


main()
