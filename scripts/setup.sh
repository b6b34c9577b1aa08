#!/usr/bin/env bash
# Make .venv from the lock, with `ssmd` in it, when it is absent, half made, moved or older than the lock.
# Decision and traps: docs/decisions/0003-locking-and-setup.md
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME

python=${PYTHON:-python3}
lock=requirements/dev.txt
stamp=.venv/.ssmd-complete    # written last: without it a venv is half made
log=.state/setup.log

refuse() {
  printf 'Error: %s Remedy: %s\n' "$1" "$2" >&2
  exit 1
}

command -v "$python" >/dev/null 2>&1 ||
  refuse "there is no \`$python\` on this machine." \
    'install Python 3.11 to 3.14 (Debian: `sudo apt-get install python3 python3-pip`), or name one: `make PYTHON=/path/to/python3 ...`.'

# What the venv must be made from; this one line has to run on any Python, however old.
wanted=$("$python" -c 'import sys
if not (3, 11) <= sys.version_info[:2] < (3, 15): sys.exit("%d.%d" % sys.version_info[:2])
import hashlib
facts = [open(sys.argv[2], "rb").read()] + [fact.encode() for fact in (sys.version, sys.prefix, sys.argv[1])]
print(hashlib.sha256(b"\0".join(facts)).hexdigest())' "$PWD" "$lock" 2>&1) ||
  case $wanted in
    [0-9].[0-9]*) refuse "\`$python\` is Python $wanted; SSMD needs 3.11 to 3.14." \
      'install one (Debian 12 or newer: `sudo apt-get install python3`), then name it: `make PYTHON=python3.11 ...`.' ;;
    *) refuse "\`$python\` does not run: ${wanted##*$'\n'}" 'name another: `make PYTHON=/path/to/python3 ...`.' ;;
  esac

current() { [ -x .venv/bin/ssmd ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; }
current && exit 0

mkdir -p .state
if command -v flock >/dev/null 2>&1; then   # `make demo` and `make test` may start together
  exec 9>.state/setup.lock
  flock 9
  current && exit 0
fi

started=$SECONDS
echo "Setting up .venv from $lock (once, about half a minute) ..." >&2
: >"$log"
rm -rf .venv

quietly() { "$@" >>"$log" 2>&1 9>&-; }

quietly "$python" -m venv --without-pip .venv ||
  refuse "\`$python\` cannot make a virtual environment (see $log)." \
    'install its venv module (Debian: `sudo apt-get install python3-venv`).'

# A pip for the venv: its own where the ensurepip module is there (Debian splits it off), else the system's,
# which may well be marked externally managed: with --python it works on the venv alone.
if quietly .venv/bin/python -m ensurepip --default-pip; then
  pip=(.venv/bin/python -m pip)
elif quietly "$python" -m pip --python .venv/bin/python --version; then
  pip=("$python" -m pip --python .venv/bin/python)
else
  refuse "\`$python\` has neither ensurepip nor a pip of at least 22.3 (see $log)." \
    'install one of them (Debian: `sudo apt-get install python3-venv` or `sudo apt-get install python3-pip`).'
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_REQUIRE_VIRTUALENV=0

install() { quietly "${pip[@]}" install --progress-bar off "$@"; }

install --only-binary :all: --require-hashes -r "$lock" || {
  tail -n 15 "$log" >&2
  refuse 'the locked dependencies could not be installed (above: the end of .state/setup.log).' \
    'check that pip reaches its package registry (`pip config list`), then run the same command again.'
}
# Nothing is fetched here: the build back end is locked too.
install --no-index --no-deps --no-build-isolation -e . || {
  tail -n 15 "$log" >&2
  refuse 'SSMD itself could not be installed (above: the end of .state/setup.log).' 'run `make clean` and try again.'
}
printf '%s\n' "$wanted" >"$stamp"
echo "Set up in $((SECONDS - started)) s." >&2
