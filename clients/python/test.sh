#!/usr/bin/env bash
# Checks the Python client: ruff, mypy and pytest, in virtual environments that it makes itself: all tests with
# the newest versions of what it needs, and those that touch aiohttp, taskiq and pydantic with the lowest ones,
# and on each other Python at hand. Needs the compiled service (`npm run build`). With arguments, which go to
# pytest, the first environment is the only one.
set -euo pipefail
cd "$(dirname "$0")"
. ./venv.sh

# Without Python there is nothing to test; under CI that is a failure.
reason=$(why_no_venv)
if [ -n "$reason" ]; then
  echo "The Python tests are not run: $reason" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
fi

make_venv
.venv/bin/ruff format --check . ../../examples/taskiq
.venv/bin/ruff check . ../../examples/taskiq
.venv/bin/mypy
.venv/bin/mypy ../../examples/taskiq/app.py
.venv/bin/pytest "$@"
[ $# -eq 0 ] || exit 0

# What starts workers and interpreters of its own, for minutes in all, is the same with any version.
touching=(tests/test_{sending,waits,wait_many,retries,results,serializers,failures,in_memory_broker,package,credentials}.py)
others=()
own=$(.venv/bin/python -c 'import sys; print(sys.version_info[1])')
has_lowest=
while read -r minor path; do
  # The lowest versions have no wheels for newer ones.
  if [ -z "$has_lowest" ] && [ "$minor" -le 12 ]; then
    has_lowest=yes
    make_other "3.$minor-lowest" "$path" lowest-direct
    others+=("3.$minor-lowest")
  fi
  if [ "$minor" != "$own" ]; then
    make_other "3.$minor" "$path" highest
    others+=("3.$minor")
  fi
done < <(pythons_at_hand)
if [ -z "$has_lowest" ]; then
  echo "The tests with the lowest versions are not run: they need a Python of 3.10 to 3.12." >&2
  [ "${CI:-}" = true ] && exit 1
fi

# They mostly wait, so they run side by side.
running=()
for name in "${others[@]}"; do
  ".venv/others/$name/bin/pytest" -p no:cacheprovider "${touching[@]}" >".venv/others/$name/output" 2>&1 &
  running+=($!)
done
failed=0
for index in "${!others[@]}"; do
  name=${others[$index]}
  echo "Python $name"
  if wait "${running[$index]}"; then
    tail -n 1 ".venv/others/$name/output"
  else
    cat ".venv/others/$name/output"
    failed=1
  fi
done
exit "$failed"
