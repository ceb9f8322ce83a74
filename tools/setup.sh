#!/usr/bin/env bash
# Installs what is missing for building and running sd on Debian 12 or Ubuntu 24.04:
#
#   tools/setup.sh            compiler, libraries, libtorch (with its CUDA libraries where a GPU is)
#   tools/setup.sh --tests    also what the tests need: GoogleTest, diffusers, clang-tidy (5 GB)
#
# Debian packages come with apt (as root or with sudo); Python's go into a virtual environment in
# $SD_CACHE, by default ~/.cache/sd. What is there in the pinned version stays as it is.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

packages=("${sd_packages[@]}")
if [[ $# == 1 && $1 == --tests ]]; then
  packages+=("${sd_test_packages[@]}")
  requirements=("$sd_root"/tools/requirements-{oracle,lint}.txt)
  gigabytes=8
elif [[ $# != 0 ]]; then
  fail "expected no argument or --tests, found '$*'."
elif [[ -e /dev/nvidiactl ]] || command -v nvidia-smi >/dev/null; then
  requirements=("$sd_root"/tools/requirements-{runtime,cuda}.txt)
  gigabytes=8
else
  requirements=("$sd_root/tools/requirements-runtime.txt")
  gigabytes=4
fi

need_disk() {  # folder, gigabytes
  local free
  free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024 / 1024) }')
  (( free >= $2 )) || fail "$1 has $free GB free, and $2 GB are needed to install what is missing."
}

install_debian_packages() {
  if ! command -v dpkg-query apt-get >/dev/null; then
    say "Neither Debian nor Ubuntu: taking for granted what these packages hold: ${packages[*]}"
    return
  fi
  local missing=() package
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] ||
      missing+=("$package")
  done
  (( ${#missing[@]} )) || return 0

  local as_root=(env)
  if (( EUID != 0 )); then
    command -v sudo >/dev/null ||
      fail "these Debian packages are missing, and neither root nor sudo is there: ${missing[*]}."
    as_root=(sudo env)
  fi
  say "Installing Debian packages: ${missing[*]}"
  need_disk / 2
  local apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update </dev/null || fail "apt-get update failed: is there a network?"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null ||
    fail "apt-get could not install ${missing[*]}: is there a network?"
}

# Prints the pins (NAME==VERSION) that the environment does not hold.
missing_pins() {
  "$sd_venv/bin/python" - "${requirements[@]}" <<'PYTHON'
import importlib.metadata
import pathlib
import sys

def pins(path):
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            yield from pins(path.parent / line[3:])
        elif line and not line.startswith("#"):
            yield line

def installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

for path in map(pathlib.Path, sys.argv[1:]):
    for pin in pins(path):
        name, version = pin.split("==")
        if installed(name) != version:
            print(pin)
PYTHON
}

install_python_packages() {
  mkdir -p "$sd_cache"
  exec 9>"$sd_cache/setup.lock"
  flock 9  # another run may be installing there
  if ! "$sd_venv/bin/python" -c '' 2>/dev/null; then
    local python=/usr/bin/python3
    [[ -x $python ]] || python=python3
    say "Making the Python environment $sd_venv"
    "$python" -m venv "$sd_venv" || fail "$python could not make a virtual environment in $sd_venv."
  fi
  local missing
  missing=$(missing_pins)
  [[ -n $missing ]] || return 0
  need_disk "$sd_cache" "$gigabytes"
  say "Installing $(wc -l <<<"$missing") Python packages into $sd_venv"
  # shellcheck disable=SC2086  # one argument for each pin
  "$sd_venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
    --no-cache-dir --no-deps $missing </dev/null ||
    fail "pip could not install the pinned packages into $sd_venv: is there a network?"
}

install_debian_packages
install_python_packages
say "Set up: libtorch and Python packages in $sd_venv"
