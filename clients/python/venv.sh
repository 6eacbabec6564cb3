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

# Says where each Python is that the client is for: those on the PATH, and pyenv's, one for each version.
pythons_at_hand() {
  local minor candidate
  for minor in 10 11 12 13 14; do
    for candidate in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"3.$minor".*/bin/python; do
      if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, $minor))" 2>/dev/null; then
        echo "$minor $(command -v "$candidate")"
        break
      fi
    done
  done
}

# make_other NAME PYTHON RESOLUTION: an environment inside `.venv`, with `lowest-direct` or `highest` versions of
# what the client needs. It goes when `.venv` does.
make_other() {
  if [ ! -e ".venv/others/$1/made" ]; then
    .venv/bin/uv venv --quiet --clear --no-python-downloads --python "$2" ".venv/others/$1"
    .venv/bin/uv pip install --quiet --python ".venv/others/$1/bin/python" --resolution "$3" --editable '.[dev]'
    touch ".venv/others/$1/made"
  fi
}
