# shellcheck shell=bash
# resultd from bash, with curl and jq: report outcomes, and wait for them. Copy this file into your
# project, and source it.
#
# A request is sent again where that may help: later each time, with jitter, and not before the
# service asks for it. All that is sent here is safe to repeat: reads change nothing, and the same
# outcome once more is answered 200.

: "${resultd_url:?}" "${work:?must be a directory}" "${resultd_retry_seconds:=120}"
longest_pause_ms=5000
longest_wait=30 # seconds of one long poll; many proxies cut what is silent for 60

# resultd_request SECONDS METHOD PATH [CURL_OPTION]…
# Tries for so many seconds. The answer is then in `http_status` and the file `$work/answer`.
# Fails, and says why, where there was none that could be used.
resultd_request() {
  local give_up=$((SECONDS + $1)) method=$2 path=$3 pause_ms=100 problem asked delay_ms
  shift 3
  while true; do
    : >"$work/headers" # of the attempt before
    if http_status=$(curl --silent --show-error --path-as-is --connect-timeout 5 \
      --request "$method" --header 'Prefer: return=minimal' --output "$work/answer" \
      --dump-header "$work/headers" --write-out '%{http_code}' "$@" \
      "$resultd_url$path" 2>"$work/curl-error"); then
      case $http_status in
        429 | 502 | 503 | 504) problem="$http_status $(<"$work/answer")" ;;
        *) return 0 ;;
      esac
    else
      problem=$(<"$work/curl-error")
    fi
    asked=$(sed -En 's/^retry-after: *([0-9]+).*/\1/Ip' "$work/headers")
    delay_ms=$((${asked:-0} * 1000 + RANDOM % pause_ms))
    if ((SECONDS + delay_ms / 1000 > give_up)); then
      echo "$method $path: $problem; gave up" >&2
      return 1
    fi
    echo "$method $path: $problem; trying again in $delay_ms ms" >&2
    sleep "$((delay_ms / 1000)).$(printf '%03d' $((delay_ms % 1000)))"
    ((pause_ms = pause_ms * 2 > longest_pause_ms ? longest_pause_ms : pause_ms * 2))
  done
}

# resultd_report ID KIND FILE: stores an outcome; KIND is result or exception, FILE has the JSON.
# The id here and below is percent-encoded. Returns 0, 1 where it could not be sent, 2 where the
# service refuses it, 3 where another outcome came first.
resultd_report() {
  resultd_request "$resultd_retry_seconds" POST "/v1/tasks/$1/$2" --max-time 30 \
    --header 'Content-Type: application/json' --data-binary "@$3" || return 1
  resultd_refused "POST /v1/tasks/$1/$2"
}

# resultd_progress ID JSON: says how far a task is. It is not tried for long: the next one, or the
# outcome, says more. So it fails, with 2, only where the service refuses it.
resultd_progress() {
  resultd_request 2 POST "/v1/tasks/$1/status" --max-time 5 \
    --header 'Content-Type: application/json' --data-binary "$2" || return 0
  resultd_refused "POST /v1/tasks/$1/status"
}

# resultd_wait ID SECONDS: waits for an outcome, which is then in `$work/answer`.
# Returns 0, 1 where it could not be asked, 2 where there is nothing to wait for, 3 where time is up.
resultd_wait() {
  local deadline=$((SECONDS + $2)) left wait asked
  while ((left = deadline - SECONDS, left > 0)); do
    ((wait = left < longest_wait ? left : longest_wait, asked = SECONDS)) || true
    resultd_request "$left" GET "/v1/tasks/$1/result?wait=${wait}s" \
      --max-time $((wait + 30)) || return 1
    case $http_status in
      200) return 0 ;;
      202) ;;
      *)
        [[ $(resultd_problem) == task-unknown ]] || {
          resultd_refused "GET /v1/tasks/$1/result"
          return 2
        }
        ;;
    esac
    ((SECONDS - asked >= 1)) || sleep 0.5 # a service that shuts down answers at once
  done
  return 3
}

# Says so where the answer is a refusal, and returns as resultd_report does.
resultd_refused() {
  ((http_status < 300)) && return 0
  [[ $(resultd_problem) == outcome-conflict ]] && return 3
  echo "$1: $http_status $(<"$work/answer")" >&2
  return 2
}

# The code of a problem document, such as task-unknown; empty where the answer is none.
resultd_problem() {
  jq --raw-output '.type | split(":") | last' "$work/answer" 2>/dev/null
}
