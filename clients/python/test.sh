#!/usr/bin/env bash
# Checks the Python client: ruff, mypy and pytest, in a virtual environment that it makes itself.
# Needs the compiled service (`npm run build`). Arguments go to pytest.
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
.venv/bin/pytest -rfEs "$@"
