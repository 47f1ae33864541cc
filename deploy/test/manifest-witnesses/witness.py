"""PyPI rfc8785 makes the same bytes of the same documents."""

import hashlib
import json
import sys

import rfc8785

LARGEST = 2**53 - 1


def main():
    documents = wrong = 0
    for line in open(sys.argv[1], encoding="utf-8"):
        sample = json.loads(line)
        text = sample.get("input", sample.get("content"))
        expected = sample.get("canonical", sample.get("content")).encode()
        written = rfc8785.dumps(json.loads(text))
        documents += 1
        if written != expected or hashlib.sha256(written).hexdigest() != sample["sha256"]:
            wrong += 1
            if wrong <= 5:
                print(f"another form of {text[:200]!r}: {written[:200]!r}, ours {expected[:200]!r}")
    refused = 0
    for number in (LARGEST + 1, -LARGEST - 1):
        try:
            rfc8785.dumps(number)
        except rfc8785.IntegerDomainError:
            refused += 1
    good = documents > 0 and wrong == 0 and refused == 2
    print(f"{'ok' if good else 'FAILED'}: PyPI rfc8785 makes the same bytes and checksums ({documents} documents, {wrong} differ; integers beyond 2^53-1 are refused there too)")
    sys.exit(not good)


main()
