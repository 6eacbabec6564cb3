#!/usr/bin/env bash
# A newer nats-server than Debian's, for the tests of what it can do: built once, out of Go's module
# proxy, into an ignored folder. It takes a minute and about a gigabyte of memory.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.12.15
program=.tools/bin/nats-server-$version
[ -x "$program" ] && exit 0
echo "building nats-server $version for the tests"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# One package at a time: with more it needs more memory than small machines have.
GOFLAGS=-p=1 GOBIN=$build nice go install "github.com/nats-io/nats-server/v2@v$version"
mkdir -p "$(dirname "$program")"
# In one step: another run may be looking at it.
mv "$build/nats-server" "$program"
