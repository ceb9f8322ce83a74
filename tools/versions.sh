# Sourced by the tools: which packages the project needs, and where things are. Versions of Python
# packages stand in the requirements-*.txt beside this file.

sd_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sd_cache=${SD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sd}
sd_venv=$sd_cache/venv

# Names that Debian 12 and Ubuntu 24.04 share.
sd_packages=(
  g++ cmake ninja-build ccache pkg-config python3 python3-venv
  libcli11-dev nlohmann-json3-dev libstb-dev libsentencepiece-dev libutf8proc-dev libpng-dev libjpeg-dev
  libssl-dev libwebp-dev libboost-dev fonts-dejavu-core
)
sd_test_packages=(git libgtest-dev libgmock-dev libbenchmark-dev libimage-exiftool-perl zsh fish)

say() { printf '== %s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# How many compilers at once: one for each core, as far as there are 1.5 GB of memory for each.
sd_jobs() {
  local by_memory
  by_memory=$(awk '/^MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  local jobs=$(( by_memory < $(nproc) ? by_memory : $(nproc) ))
  echo $(( jobs > 1 ? jobs : 1 ))
}
