#!/usr/bin/env bash
# Sets up, builds everything and runs all tests: the C++ ones, those that run the program on bad and
# odd inputs (tests/inputs) and on files of jobs (tests/batch), those that compare with diffusers
# (tests/parity) and those that look at what the pictures show (tests/meaning).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
cd "$sd_root"

tools/setup.sh --tests
mkdir -p build
log=build/test.log
: >"$log"
status=0
tools/run_cpp_tests.sh release 2>&1 | tee -a "$log" || status=1
export SD_BUILD=$sd_root/build/release
export SD_BINARY=$SD_BUILD/bin/sd SD_TOKENIZE_TOOL=$SD_BUILD/bin/tokenize_tool
# Waiting threads must not spin: tests run beside each other on few cores.
export OMP_WAIT_POLICY=passive
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
for tier in inputs batch parity meaning; do
  say "Running tests/$tier"
  "$sd_venv/bin/python" tools/run_python_tests.py "$tier" "tests/$tier" </dev/null 2>&1 |
    tee -a "$log" || status=1
done

awk '/^[a-z]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $2; f += $4; s += $6 }
     END { printf "total: %d passed, %d failed, %d skipped\n", p, f, s }' "$log" | tee build/test-counts
exit "$status"
