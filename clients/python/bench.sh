#!/usr/bin/env bash
# Measures how soon a taskiq client has an outcome, through resultd and through taskiq-redis, in the
# virtual environment of the tests. Needs the compiled service, bench included (`npm run build`), and
# redis-server. Arguments go to the bench: try --help.
set -euo pipefail
cd "$(dirname "$0")"
. ./venv.sh

reason=$(why_no_venv)
[ -z "$reason" ] && command -v redis-server >/dev/null ||
  reason=${reason:-"there is no redis-server; type: sudo apt-get install -y redis-server"}
if [ -n "$reason" ]; then
  echo "The bench is not run: $reason" >&2
  exit 1
fi

make_venv
exec .venv/bin/python -m bench "$@"
