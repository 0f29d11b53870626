#!/usr/bin/env bash
# Installs the programs of other projects that our tests and benchmarks run against (Debian, Ubuntu; needs root):
#   redis-tools         redis-cli and redis-benchmark, stock clients of our RESP port
#   redis-server        the server that replies and figures are compared with
#   postgresql          psql, and the server that results and figures are compared with
#   postgresql-contrib  pgbench, the stock load generator
#   strace              shows that a reply leaves only after its sync
# Nothing of this is needed to run the server. No service is left running.
set -euo pipefail

packages=(redis-tools redis-server postgresql postgresql-contrib strace)

if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: install the equivalents of ${packages[*]} by hand" >&2
  exit 1
fi
run=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "installing packages needs root: run this as root, or install ${packages[*]} by hand" >&2
    exit 1
  fi
  run=(sudo)
fi

# Packages start their services when installed; ours listen on the same ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${run[@]}" tee "$policy" >/dev/null
  "${run[@]}" chmod +x "$policy"
  trap '"${run[@]}" rm -f "$policy"' EXIT
fi
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
