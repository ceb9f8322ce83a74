#!/usr/bin/env bash
# What takes too long for every change. Without arguments all parts, else those that are named:
#
#   sanitizers   all C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   no-pch       a build without precompiled headers, which shows missing includes
#   kill         `sd` stopped at random moments: nothing half-written, nothing left behind
#   kill-batch   `sd batch` killed at random moments and resumed: nothing is lost, nothing changes
#   batch-memory `sd batch` reads a million lines and more, and paints a thousand pictures
#   batch-speed  `sd batch` beside loops with diffusers
#   estimate     what a dry run says of time and memory, beside what painting takes
#   launchers    Slurm, Open MPI and torchrun start `sd batch`, and each picture is made once
#   full-size    Stable Diffusion 1.5 with random weights: time and memory beside diffusers
#   large-models Stable Diffusion 3 and HunyuanDiT with random weights: the same (23 GB of disk)
#   memory       the most memory at a time, with the weights of Stable Diffusion 1.5
#   bars         how often the model that ships obeys, with every sampler
#
# Each part writes its results and the machine they were measured on to docs/slow/PART.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
cd "$sd_root"

tools/setup.sh --tests
export SD_BINARY=$sd_root/build/release/bin/sd HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
python=$sd_venv/bin/python

build_release() {
  cmake --preset release >/dev/null
  cmake --build build/release --parallel "$(sd_jobs)" --target sd sd_core "$@" >/dev/null
}

run_sanitizers() { tools/run_cpp_tests.sh asan 2>&1 | tee /dev/stderr | tail -1; }

run_no_pch() {
  cmake --preset no-pch -DSD_TESTS=ON >/dev/null
  cmake --build build/no-pch --parallel "$(sd_jobs)" >&2 && echo "Every file compiles on its own."
}

run_kill() { build_release && "$python" tests/slow/kill.py; }

run_kill_batch() { build_release && "$python" tests/slow/kill_batch.py; }

run_batch_memory() { build_release && "$python" tests/slow/batch_memory.py; }

run_batch_speed() {
  build_release
  if has_bf16; then "$python" tools/compare_batch.py --dtype bf16; fi
  "$python" tools/compare_batch.py
}

run_estimate() {
  build_release
  if has_bf16; then "$python" tests/slow/estimate.py --dtype bf16; fi
  "$python" tests/slow/estimate.py
}

run_launchers() { build_release shard_tool && tests/launchers/run.sh 2>&1; }

run_full_size() {
  build_release
  if has_bf16; then "$python" tools/compare_speed.py --dtype bf16; fi
  "$python" tools/compare_speed.py --rounds 3 --steps 3
}

run_memory() {
  build_release
  "$python" tests/slow/memory.py
  if has_bf16; then "$python" tests/slow/memory.py --dtype bf16; fi
}

run_large_models() {
  build_release
  local model
  if has_bf16; then
    "$python" tests/slow/large_models.py
    for model in sd3 hunyuan; do
      "$python" tools/compare_speed.py --model "$model" --dtype bf16 --rounds 3 --steps 3
    done
  else
    "$python" tests/slow/large_models.py --dtype fp32
    "$python" tools/compare_speed.py --model sd3 --no-t5 --rounds 2 --steps 2
    "$python" tools/compare_speed.py --model hunyuan --rounds 2 --steps 2
  fi
}

run_bars() {
  "$python" tests/meaning/evaluate.py
  "$python" tests/meaning/evaluate.py --behaviour
}

has_bf16() { grep -q avx512_bf16 /proc/cpuinfo; }

machine() {
  local cpu
  cpu=$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
  local bf16=without
  has_bf16 && bf16=with
  echo "Measured on $(date -u +%F), commit $(git rev-parse --short HEAD): $(nproc) cores of $cpu, $bf16 AVX512-BF16."
}

all_parts=(sanitizers no-pch kill kill-batch batch-memory batch-speed estimate launchers full-size
           large-models memory bars)
parts=("$@")
(( $# )) || parts=("${all_parts[@]}")
mkdir -p docs/slow
status=0
for part in "${parts[@]}"; do
  declare -F "run_${part//-/_}" >/dev/null ||
    fail "there is no part '$part' (${all_parts[*]})"
  say "$part"
  result=passed
  results=$("run_${part//-/_}") || { result=FAILED; status=1; }
  printf '%s\n' "$results"
  printf '# %s: %s\n\n`tools/slow.sh %s`. %s\n\n%s\n' "$part" "$result" "$part" "$(machine)" "$results" \
    >"docs/slow/$part.md"
done
exit "$status"
