#!/usr/bin/env bash
# Checks the Python client: ruff, mypy and pytest, in a virtual environment that it makes itself.
# Needs the compiled service (`npm run build`). Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}

# Without Python there is nothing to test; under CI that is a failure.
skip() {
  echo "The Python tests are not run: $1" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
}
command -v "$python" >/dev/null || skip "there is no $python; install Python 3.10 or newer"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  skip "$("$python" --version) is too old; they need 3.10 or newer"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  skip "$python has no venv; type: sudo apt-get install -y python3-venv"

if ! cmp -s pyproject.toml .venv/installed.toml; then
  rm -rf .venv
  "$python" -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
  cp pyproject.toml .venv/installed.toml
fi
.venv/bin/ruff format --check . ../../examples/taskiq
.venv/bin/ruff check . ../../examples/taskiq
.venv/bin/mypy
.venv/bin/pytest "$@"
