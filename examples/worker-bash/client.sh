#!/usr/bin/env bash
# A client: waits for a task and prints its outcome. Usage: client.sh URL TASK_ID [SECONDS]
#
# Exit codes: 0 success, 1 the task failed, 2 usage, 3 not ready in time, 4 it could not be asked, or
# the task was removed.
set -uo pipefail

if (($# < 2 || $# > 3)) || [[ ! ${3:-60} =~ ^[0-9]{1,9}$ ]]; then
  echo 'usage: client.sh URL TASK_ID [SECONDS]' >&2
  exit 2
fi
resultd_url=$1
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/resultd.sh"

resultd_wait "$(jq --raw-output --null-input --arg id "$2" '$id | @uri')" "${3:-60}"
case $? in
  0) cat "$work/answer" && echo ;;
  3)
    echo "task $2 was not ready in time" >&2
    exit 3
    ;;
  *) exit 4 ;;
esac
jq --exit-status '.is_err | not' "$work/answer" >/dev/null
