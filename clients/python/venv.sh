# What test.sh and bench.sh share, to be sourced in this directory: the virtual environment `.venv`.
python=${PYTHON:-python3}

# Says why there can be none; nothing where there can.
why_no_venv() {
  if ! command -v "$python" >/dev/null; then
    echo "there is no $python; install Python 3.10 or newer"
  elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "$("$python" --version) is too old; it takes 3.10 or newer"
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$python has no venv; type: sudo apt-get install -y python3-venv"
  fi
}

# Makes it anew where pyproject.toml has changed.
make_venv() {
  if ! cmp -s pyproject.toml .venv/installed.toml; then
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
    cp pyproject.toml .venv/installed.toml
  fi
}
