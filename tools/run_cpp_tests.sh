#!/usr/bin/env bash
# Configures and builds one preset with its tests, runs them and closes with one line of counts.
#   tools/run_cpp_tests.sh PRESET [OPTION FOR CMAKE]...
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
cd "$sd_root"
preset=$1
build=build/$preset
shift

say "Building $build"
cmake --preset "$preset" -DSD_TESTS=ON "$@"
cmake --build "$build" --parallel "$(sd_jobs)"

say "Running the C++ tests"
rm -rf "$build/test-results"
status=0
# Two programs of libtorch at once on few cores: their threads must not spin while they wait.
OMP_WAIT_POLICY=passive GTEST_OUTPUT="json:$sd_root/$build/test-results/" \
  ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 2 \
  --output-junit "$sd_root/$build/test-results.xml" </dev/null || status=$?

# Cases, not programs; a program that crashed wrote no results and counts as one.
python3 - "$build/test-results.xml" "$build/test-results" <<'PYTHON'
import json
import pathlib
import sys
import xml.etree.ElementTree as xml

programs, folder = sys.argv[1], pathlib.Path(sys.argv[2])
passed = failed = skipped = 0
for program in xml.parse(programs).getroot().iter("testcase"):
    # GoogleTest's XML is not well-formed where a parameter holds control characters.
    results = folder / f"{program.get('name')}.json"
    suites = json.loads(results.read_text(errors="replace"))["testsuites"] if results.exists() else []
    cases = [case for suite in suites for case in suite["testsuite"]]
    bad = sum("failures" in case for case in cases)
    left_out = sum(case["result"] == "SKIPPED" for case in cases)
    if program.find("failure") is not None and not bad:
        failed += 1
    elif cases:
        failed, skipped = failed + bad, skipped + left_out
        passed += len(cases) - bad - left_out
    else:
        passed += 1
print(f"ctest: {passed} passed, {failed} failed, {skipped} skipped")
PYTHON
exit "$status"
