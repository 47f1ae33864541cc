#!/usr/bin/env bash
# What of the manifest is proved by tests of `make test`: they must be there still, and the stage that runs them must have passed for
# this commit. Nothing is run again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

nextest='tests (nextest)'
tested 'RFC 8785: all published vectors; integers beyond 2^53-1, duplicate keys and lone surrogates are refused' \
  "$nextest" crates/domain/src/canonical/tests.rs
tested "RFC 8785: a million number lines, by their authors' checksum" "$nextest" crates/domain/tests/manifest/numbers.rs
tested 'the reducer on the fixtures: budget, use, monotone, identity kept, checksums pinned' "$nextest" crates/domain/tests/manifest/reducer.rs
tested 'one event many times to two replicas gives one version; 32 writers leave no gap' "$nextest" services/bcm-svc/tests/it/generating.rs
tested '50 rebuilds at once through two replicas make one job and one version or none' "$nextest" services/bcm-svc/tests/it/rebuilding.rs
tested 'damage in Redis and in PostgreSQL is recognised, repaired and never served' "$nextest" services/bcm-svc/tests/it/tiers.rs
tested 'Redis and PostgreSQL down, slow, hanging, flushed, full of rubbish: right bytes or an honest error; 500 readers, one read per process' \
  "$nextest" services/bcm-svc/tests/it/outages.rs
tested 'a replica killed while it fills the tiers: the others and its successor answer the right bytes, nothing stays locked' \
  "$nextest" services/bcm-svc/tests/it/killed.rs
tested 'parts, differences, prompts, files, counts, streams' "$nextest" services/bcm-svc/tests/it/rendering.rs
tested 'going back, pins, names; retention keeps what is pinned, named or among the last fifty' "$nextest" services/bcm-svc/tests/it/revising.rs
tested 'signed exports, rotated keys, rebuild --all, reduce FILE' "$nextest" services/bcm-svc/tests/it/operating.rs
tested 'the TypeScript client: its types are those of the schema, and it reads from the running stack' '26-manifest-client' \
  deploy/test/26-manifest-client.sh
tested 'the example of a consumer in Rust' "$nextest" services/bcm-svc/tests/it/consuming.rs
tested 'text of users ends no prompt' "$nextest" crates/domain/src/manifest/outline/tests.rs
