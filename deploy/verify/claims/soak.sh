#!/usr/bin/env bash
# 10 minutes at 30 journeys a minute: no service grows, and nothing is lost (faults.md L1).
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

minutes=${SOAK_MINUTES:-10}
services=(auth-svc payments-svc onboarding-svc bcm-svc)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Resident memory in KiB, open files and threads of each service, every 10 s.
sample() {
  local svc pid
  for svc in "${services[@]}"; do
    read -r pid _ <"$STATE_DIR/run/$svc.pid"
    printf '%s %s %s\n' "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" \
      "$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)" "$(awk '/^Threads/ { print $2 }' "/proc/$pid/status")" >>"$folder/$svc"
  done
}

journey load --count "$((30 * minutes))" --per-minute 30 --concurrency 60 >"$folder/load" &
load=$!
until ! kill -0 "$load" 2>/dev/null; do
  sample
  sleep 10
done
code=0
wait "$load" || code=$?
cat "$folder/load" >&2
journey check >&2 || code=1
holds_if "$code" "$((30 * minutes)) journeys at 30 a minute all finish, and J1–J8 hold" \
  "$(jq -r '"\(.finished) of \(.journeys) in \(.seconds | floor) s; median \(.ms.median) ms, p95 \(.ms.p95) ms"' "$folder/load")"

# The second fifth of the time, when caches and pools are warm, against the last; more by a tenth is growth.
for svc in "${services[@]}"; do
  cat "$folder/$svc" >&2
  code=0
  figure=$(awk '
    { rss[NR] = $1; fd[NR] = $2; threads[NR] = $3 }
    function mean(a, from, to,   i, sum) { for (i = from; i <= to; i++) sum += a[i]; return sum / (to - from + 1) }
    END {
      k = int(NR / 5)
      before = mean(rss, k + 1, 2 * k); after = mean(rss, NR - k + 1, NR)
      fb = mean(fd, k + 1, 2 * k); fa = mean(fd, NR - k + 1, NR)
      tb = mean(threads, k + 1, 2 * k); ta = mean(threads, NR - k + 1, NR)
      printf "%.1f MiB, then %.1f MiB (%+.1f %%); files %.0f, then %.0f; threads %.0f, then %.0f\n", before / 1024, after / 1024,
        100 * (after / before - 1), fb, fa, tb, ta
      exit !(after <= 1.1 * before && fa <= 1.1 * fb + 5 && ta <= 1.1 * tb + 2)
    }' "$folder/$svc") || code=1
  holds_if "$code" "memory, open files and threads of $svc stay flat within 10 % over $minutes minutes" "$figure"
done
