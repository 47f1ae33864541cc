#!/usr/bin/env bash
# finalizes.sh [PEOPLE [TIMES]]: people go through the whole system and finalize, each of them several times with another name of the
# company, while onboarding-svc and bcm-svc die like from kill -9, each at one step of the saga after the other: every finalize becomes
# exactly one context and one manifest. Where they die:
#   onboarding-svc  K9 between the status and the event, F1 after that commit and before the session in Redis is cleared, K3 after
#                   publishing, K4 after the broker's confirm, K5 before an event is taken (what became of a manifest, among others),
#                   F3 before the commit of what became of a manifest, K6 between a commit and its acknowledgement
#   bcm-svc         K5 before a context is taken, F2 before the manifest's commit, K10 after it, K6 before the acknowledgement, K3 and K4
#                   as above
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh
# shellcheck source=/dev/null
. deploy/chaos/armed.sh

people=${1:-100} times=${2:-10} code=0
finalizes=$((people * times))
# With the passage that is deadly: more where there is more to pass, so that a process gets somewhere between two deaths.
onboarding=(K9:10 F1:10 K3:60 K4:30 K5:15 F3:10 K6:15)
bcm=(K5:10 F2:10 K10:10 K6:10 K3:10 K4:10)
# A point that is not reached in this time is left for the next one.
patience_s=40
# A load that takes longer has failed.
limit_s=1500

folder=$(mktemp -d)
touch "$folder/deaths"
trap 'touch "$folder/over"; wait; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

# gone PID SECONDS: whether it ends in time.
gone() {
  local end=$((SECONDS + $2))
  while kill -0 "$1" 2>/dev/null; do
    if ((SECONDS >= end)) || [[ -e $folder/over ]]; then return 1; fi
    sleep 0.05
  done
}

# dies SERVICE POINT:PASSAGE…: as long as there is load the service runs, and dies at one point after the other. Notes each death.
dies() {
  local service=$1 lives=0 point pairs pid ended
  shift
  mapfile -t pairs <"$STATE_DIR/services/$service.env"
  while [[ ! -e $folder/over ]]; do
    point=${*:lives % $# + 1:1}
    (
      ulimit -c 0
      export "${pairs[@]}" "GROUNDWORK_KILL_POINT=${point%:*}:$((${point#*:} + lives % 5))"
      exec "$CARGO_TARGET_DIR/kill-points/$service" serve --with-worker
    ) >>"$STATE_DIR/logs/$service.log" 2>&1 &
    pid=$!
    gone "$pid" "$patience_s" || kill -s KILL "$pid" 2>/dev/null || true
    ended=0
    wait "$pid" || ended=$?
    # 134: by abort(), which is how a point kills. 137: it was not reached in time, or there is no load any more.
    case $ended in
      134) printf '%s %s\n' "$service" "${point%:*}" >>"$folder/deaths" ;;
      137) ;;
      *)
        printf '%s ended with %s\n' "$service" "$ended" >>"$folder/strange"
        sleep 1
        ;;
    esac
    lives=$((lives + 1))
  done
}

build_armed >&2
# The plain ones have to be built again. Those that run are the ones with kill points from here to the end of the load.
deploy/local/stack up >&2
since=$(sql 'select now()')
began=$SECONDS
for service in onboarding-svc bcm-svc; do
  read -r pid _ <"$STATE_DIR/run/$service.pid"
  kill -s KILL "$pid"
  gone "$pid" 5 || true
done
# The shell tells of each death; they are counted.
dies onboarding-svc "${onboarding[@]}" >/dev/null 2>&1 &
dies bcm-svc "${bcm[@]}" >/dev/null 2>&1 &
timeout "$limit_s" "$(built journey)" load --count "$people" --concurrency 20 --finalizes "$times" --limit-s "$limit_s" >"$folder/load.json" ||
  code=1
took_s=$((SECONDS - began))
touch "$folder/over"
wait
deploy/local/stack up >&2
cat "$folder/load.json" >&2
journey check >&2 || code=1

contexts=$(sql "select count(*) from onboarding.business_context where finalized_at >= '$since'")
uneven=$(sql "select count(*) from (select from onboarding.business_context where finalized_at >= '$since'
  group by workspace_id having count(*) <> $times or max(number) <> $times) as uneven")
unmatched=$(sql "select count(*) from onboarding.business_context c where c.finalized_at >= '$since' and 1 <> (
  select count(*) from bcm.business_context_manifests m where m.workspace_id = c.workspace_id and m.context_number = c.number)")
[[ $contexts == "$finalizes" && $uneven == 0 && $unmatched == 0 ]] || code=1

# Every point has to have killed, and more than once: the passages differ.
fewest=$finalizes
for point in "${onboarding[@]/#/onboarding-svc }" "${bcm[@]/#/bcm-svc }"; do
  deaths=$(grep -cx "${point%:*}" "$folder/deaths" || true)
  printf '%s: %s deaths\n' "${point%:*}" "$deaths" >&2
  if ((deaths < fewest)); then fewest=$deaths; fi
done
((fewest > 1)) || code=1
if [[ -e $folder/strange ]]; then
  cat "$folder/strange" >&2
  code=1
fi
points=$((${#onboarding[@]} + ${#bcm[@]}))
holds_if "$code" "$finalizes finalizes while onboarding-svc and bcm-svc are killed at each of $points steps of the saga: exactly one context and one manifest each" \
  "$(jq -r '"\(.finished) of \(.journeys) people finished"' "$folder/load.json"), $contexts contexts, $(wc -l <"$folder/deaths") deaths in $took_s s, at least $fewest at each step, $uneven people with more or fewer, $unmatched contexts without exactly one manifest"
