#!/usr/bin/env bash
# Installs into a folder of its own and runs sd from there, in / and with an empty environment.
#   install_test.sh CMAKE BUILD_FOLDER VERSION
set -euo pipefail
cmake=$1 build=$2 version=$3

fail() {
  echo "install_test: $*" >&2
  exit 1
}

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
"$cmake" --install "$build" --prefix "$prefix" >/dev/null

for file in bin/sd lib/libsd_core.so include/sd/pipeline.h include/sd/version.h share/man/man1/sd.1; do
  [[ -s $prefix/$file ]] || fail "$file was not installed."
done
if [[ -e $build/lib/libsd_cuda.so && ! -e $prefix/lib/libsd_cuda.so ]]; then
  fail "the CUDA half was built, but not installed."
fi

run() { (cd / && env -i HOME="$prefix" "$prefix/bin/sd" "$@"); }

found=$(run --version) || fail "sd --version ended with $?."
[[ $found == *"$version"* ]] || fail "sd --version says '$found', expected $version in it."

# The engine opens and reads: it refuses a family that it does not know.
mkdir "$prefix/odd"
echo '{"_class_name": "NoSuchPipeline"}' >"$prefix/odd/model_index.json"
found=$(run txt2img -p "a circle" --model "$prefix/odd" -o "$prefix/out.png" 2>&1) && status=0 || status=$?
[[ $status == 3 && $found == *"the model is a NoSuchPipeline"* ]] ||
  fail "expected the engine's refusal of an unknown family and status 3, found $status: $found"

if [[ -n $(find "$prefix/share/sd/models" -name model_index.json) ]]; then  # the shipped model
  run txt2img -q -p "a red circle" --steps 2 -s 1 -o "$prefix/out.png" || fail "painting ended with $?."
  [[ $(head -c 4 "$prefix/out.png" | tail -c 3) == PNG ]] || fail "no PNG was written."
fi
# A program of somebody else finds the library, and paints.
source=$(dirname "$0")/../../examples
flags=  # those that the library was built with
if grep -q '^SD_SANITIZE:.*=ON' "$build/CMakeCache.txt"; then flags=-fsanitize=address,undefined; fi
"$cmake" -S "$source" -B "$prefix/example" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_FLAGS="$flags" >/dev/null ||
  fail "the example does not configure."
"$cmake" --build "$prefix/example" >/dev/null || fail "the example does not build."
(cd / && env -i "$prefix/example/paint" "$prefix/share/sd/models/shapes-sd1" "a red circle" \
  "$prefix/example.png") || fail "the example ended with $?."
[[ $(head -c 4 "$prefix/example.png" | tail -c 3) == PNG ]] || fail "the example wrote no PNG."
found=$("$prefix/example/paint" "$prefix/odd" x "$prefix/x.png" 2>&1) && status=0 || status=$?
[[ $status == 3 && $found == *"the model is a NoSuchPipeline"* ]] ||
  fail "expected the example to refuse an unknown family with status 3, found $status: $found"
echo "install_test: passed"
