#!/usr/bin/env bash
# A worker in bash, with curl and jq. Usage: worker.sh [URL [RETRY_SECONDS]] < messages
#
# Standard input is the queue: a message a line, {"task_id", "task_name", "args", "kwargs",
# "labels"}. Once the outcome of one is stored, its task id is printed: that acknowledges it. A
# message that is not acknowledged should be delivered again. The exit code is then 1.
set -uo pipefail # not -e: what fails here is a task, and is reported

if (($# > 2)) || [[ ! ${2:-0} =~ ^[0-9]{1,9}$ ]]; then
  echo 'usage: worker.sh [URL [RETRY_SECONDS]] < messages' >&2
  exit 2
fi
resultd_url=${1:-http://127.0.0.1:8080}
resultd_retry_seconds=${2:-120}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
exec 3>&2
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/resultd.sh"

# The functions. Each finds its arguments as JSON in `args` and `kwargs`, and prints its value as
# JSON. Where it fails, what it wrote to standard error is the message.
add() {
  # jq computes with doubles: beyond 2^53 the sum would be another number.
  jq 'if all(type == "number" and fabs < 9007199254740992) then add
      else error("add takes numbers below 2^53") end' <<<"$args"
}

greet() {
  jq 'if length == 1 and (.[0] | type) == "string" then "Hello, \(.[0])!"
      else error("greet takes one text") end' <<<"$args"
}

fail() {
  jq --raw-output '.[0]' <<<"$args" >&2
  return 3
}

slow() {
  local steps step
  # The number comes from outside, and $(( )) would run what is no number.
  steps=$(jq --exit-status '.steps | numbers | floor' <<<"$kwargs") || return
  for ((step = 1; step <= steps; step++)); do
    sleep 0.1
    progress "{\"done\": $step, \"of\": $steps}"
  done
  echo "$steps"
}

# progress META: says how far the task is. What it has to complain of is no part of the task's error.
progress() {
  resultd_progress "$id" "{\"state\": \"STARTED\", \"meta\": $1}" 2>&3
}

call() {
  case $name in
    add) add ;;
    greet) greet ;;
    fail) fail ;;
    slow) slow ;;
    *)
      echo "there is no function $name" >&2
      return 127
      ;;
  esac
}

# Runs one message and stores what became of it, with the codes of resultd_report.
run_task() {
  local code started ended
  # An id that is not valid is refused here, before any work.
  resultd_progress "$id" '{"state": "STARTED"}' || return
  started=${EPOCHREALTIME/[.,]/}
  (call) </dev/null >"$work/value" 2>"$work/error"
  code=$?
  ended=${EPOCHREALTIME/[.,]/}
  seconds=$(printf '%d.%06d' $(((ended - started) / 1000000)) $(((ended - started) % 1000000)))

  if ((code == 0)) && ! jq --exit-status --slurp 'length == 1' "$work/value" >"$work/error" 2>&1; then
    echo 'the function printed something that is not one JSON value' >>"$work/error"
    code=65
  fi
  if ((code == 0)); then
    # The value goes as it was printed: jq would write some numbers anew.
    printf '{"return_value": %s, "execution_time": %s, "labels": %s}' \
      "$(<"$work/value")" "$seconds" "$labels" >"$work/body"
    resultd_report "$id" result "$work/body"
    code=$?
    ((code == 2)) || return "$code"
    cp "$work/answer" "$work/error" # too large, say: the reason takes its place
  fi
  describe "$code" >"$work/body"
  resultd_report "$id" exception "$work/body"
}

# The exception of a function that ended with this code, from the end of what it wrote.
describe() {
  printf '{"exc_type": "CommandFailed", "exc_message": [%s, %d], "execution_time": %s, "labels": %s}' \
    "$(tail --bytes=2000 "$work/error" | jq --raw-input --slurp 'rtrimstr("\n")')" \
    "$1" "$seconds" "$labels"
}

all_stored=0
while IFS= read -r line || [[ -n $line ]]; do
  # Percent-encoded, the id and the name are words without line breaks or quotes.
  mapfile -t fields < <(jq --compact-output --raw-output '
    (.task_id | strings | @uri), (.task_name | strings | @uri),
    (.args // []), (.kwargs // {}), (.labels // {}), .task_id' <<<"$line")
  if ((${#fields[@]} < 6)); then
    echo "not acknowledged: it is no message: ${line:0:100}" >&2
    all_stored=1
    continue
  fi
  id=${fields[0]} name=${fields[1]} args=${fields[2]} kwargs=${fields[3]} labels=${fields[4]}
  run_task
  code=$?
  ((code == 3)) && echo "task $id has another outcome already, which stays" >&2
  case $code in
    0 | 3) printf '%s\n' "${fields[5]}" ;;
    1) # out of reach: what is left would fare no better
      echo "not acknowledged: $id" >&2
      exit 1
      ;;
    *)
      echo "not acknowledged: ${line:0:100}" >&2
      all_stored=1
      ;;
  esac
done
exit "$all_stored"
