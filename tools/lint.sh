#!/usr/bin/env bash
# The gate of form: clang-format and clang-tidy find nothing, and no file is too large. clang-tidy
# looks at what changed since the commit that tools/tidy-base names, and was not clean here before.
#
#   tools/lint.sh [SOURCE...]    with names: clang-tidy looks at these sources alone
#   tools/lint.sh --all          it looks at every source; where all are clean, and all is
#                                committed, tools/tidy-base names this commit
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
cd "$sd_root"
[[ -x $sd_venv/bin/clang-tidy ]] || fail "clang-tidy is missing: run tools/setup.sh --tests first."
status=0
base=$(cat tools/tidy-base) clean=$sd_cache/tidy
if [[ ${1:-} == --all ]]; then
  shift
  base='' clean=$(mktemp -d)
  trap 'rm -rf "$clean"' EXIT
fi

say "clang-format"
git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cpp' '*.cu' |
  xargs -0 "$sd_venv/bin/clang-format" --dry-run -Werror || status=1

say "Sizes"
check_size() {  # what, bytes, most bytes
  (( $2 <= $3 )) && return
  echo "$1: $2 bytes, at most $3 are allowed."
  status=1
}
total=0 test_data=0
while IFS= read -r -d '' file; do
  [[ -f $file ]] || continue
  bytes=$(stat -c %s "$file")
  check_size "$file" "$bytes" 12000000
  total=$((total + bytes))
  [[ $file == tests/data/* ]] && test_data=$((test_data + bytes))
done < <(git ls-files -z --cached --others --exclude-standard)
check_size "tests/data" "$test_data" 8000000
check_size "all files" "$total" 44000000

say "clang-tidy"
cmake --preset no-pch -B build/lint -DSD_TESTS=ON >/dev/null
python3 tools/run_clang_tidy.py "$sd_venv/bin/clang-tidy" build/lint "$clean" "$base" "$@" || status=1

if [[ -z $base && -z $(git status --porcelain) ]] && (( status == 0 )); then
  git rev-parse HEAD >tools/tidy-base
fi
(( status == 0 )) && say "lint: nothing found"
exit "$status"
