#!/usr/bin/env bash
# What takes too long for every change: all C++ tests under AddressSanitizer and
# UndefinedBehaviorSanitizer, and a build without precompiled headers, which shows missing includes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
cd "$sd_root"

tools/setup.sh --tests
status=0
tools/run_cpp_tests.sh asan || status=1
say "Building without precompiled headers"
cmake --preset no-pch -DSD_TESTS=ON >/dev/null
cmake --build build/no-pch --parallel "$(sd_jobs)" || status=1
exit "$status"
