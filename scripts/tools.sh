#!/usr/bin/env bash
# Programs that some tests drive and pip does not have, from Debian's packages. Without one its tests are skipped,
# loudly; so this never fails a build: it says what to do, and ends with 0.
set -euo pipefail

# program:package, a word each; one more word makes one more program.
wanted=(prometheus:prometheus promtool:prometheus chromium:chromium)

packages=()
for each in "${wanted[@]}"; do
  command -v "${each%%:*}" >/dev/null 2>&1 || packages+=("${each#*:}")
done
[ ${#packages[@]} -eq 0 ] && exit 0
packages=($(printf '%s\n' "${packages[@]}" | sort -u))

install="apt-get install --no-install-recommends ${packages[*]}"
refuse() {
  printf 'Not installed: %s. %s Their tests will be SKIPPED. To run them: sudo %s\n' \
    "${packages[*]}" "$1" "$install" >&2
  exit 0
}

command -v apt-get >/dev/null 2>&1 || refuse 'There is no apt-get here.'
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  refuse 'That takes root.'
fi

# They are programs for tests: no daemon of theirs is to run, now or after the next boot.
policy=${SSMD_POLICY_RC_D:-/usr/sbin/policy-rc.d}
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
apt() {
  "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60 \
    -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@" </dev/null >/dev/null
}
echo "Installing ${packages[*]} ..." >&2
apt install -y --no-install-recommends "${packages[@]}" 2>/dev/null ||
  { apt update && apt install -y --no-install-recommends "${packages[@]}"; } ||
  refuse 'apt-get could not (above).'
if command -v systemctl >/dev/null 2>&1; then
  "${as_root[@]}" systemctl --quiet disable "${packages[@]}" >/dev/null 2>&1 || true
fi
for each in "${wanted[@]}"; do
  command -v "${each%%:*}" >/dev/null 2>&1 || refuse "The package has no ${each%%:*}."
done
