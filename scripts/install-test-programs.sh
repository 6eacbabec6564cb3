#!/usr/bin/env bash
# The programs that the tests run for real, beside Node. What is missing is installed from Debian's
# packages when this runs as root; else it says what to type.
set -euo pipefail

declare -A package_of=(
  [redis-server]=redis-server
  [nats-server]=nats-server
  [postgres]=postgresql
  [pgbouncer]=pgbouncer
  [chromium]=chromium
  [strace]=strace
  [python3]=python3
  [curl]=curl
  [openssl]=openssl
  [nginx]=nginx-light
  [haproxy]=haproxy
  [jq]=jq
  [go]=golang-go
  [script]=bsdutils
)

# Debian puts servers where only root looks, and those of PostgreSQL in a folder for each version.
PATH=$PATH:/usr/sbin
is_installed() {
  command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

missing=()
for program in "${!package_of[@]}"; do
  is_installed "$program" || missing+=("${package_of[$program]}")
done
# Debian's Python makes virtual environments only with a package of its own.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then missing+=(python3-venv); fi
if [ ${#missing[@]} -eq 0 ]; then
  exec bash "$(dirname "$0")/build-nats-server.sh"
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need programs that are not installed. Type:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2
  exit 1
fi
echo "installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A service that Debian would start along is not wanted: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
bash "$(dirname "$0")/build-nats-server.sh"
