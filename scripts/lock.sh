#!/usr/bin/env bash
# Remake the locks with uv (itself locked), hashed and without any registry's address.
set -euo pipefail
cd "$(dirname "$0")/.."
tool=.state/lock
if ! "$tool/bin/uv" --version >/dev/null 2>&1; then
  rm -rf "$tool"
  .venv/bin/python -m venv --without-pip "$tool"
  .venv/bin/python -m pip --python "$tool/bin/python" install --quiet --require-hashes -r requirements/lock.txt
fi
compile() { # name, then what to lock
  "$tool/bin/uv" pip compile "${@:2}" --universal --python-version 3.11 --generate-hashes --only-binary :all: \
    --no-emit-index-url --custom-compile-command 'make lock' --quiet ${UPGRADE:+--upgrade} -o "requirements/$1.txt"
}
compile runtime pyproject.toml
compile dev pyproject.toml --group dev
compile lock --group lock
echo "requirements/*.txt are remade (UPGRADE=1 takes the newest versions); run: make test"
