#!/usr/bin/env bash
# From a fresh checkout to a first picture: sets up, builds sd, paints with the model that ships.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

"$sd_root/tools/setup.sh"
cd "$sd_root"
options=()
[[ -e build/release/CMakeCache.txt ]] || options=(-DSD_TESTS=OFF)  # who has tests keeps them
say "Building sd (a few minutes the first time)"
cmake --preset release "${options[@]}" >/dev/null
targets=(sd sd_core)
ninja -C build/release -t query sd_cuda &>/dev/null && targets+=(sd_cuda)
cmake --build build/release --parallel "$(sd_jobs)" --target "${targets[@]}"

prompt="a red circle on a blue background"
say "Painting \"$prompt\""
build/release/bin/sd txt2img --prompt "$prompt" --seed 1 --output sd-demo.png --on-exist overwrite
say "The picture: $sd_root/sd-demo.png"
