#!/usr/bin/env bash
# Builds and tests on a machine with an NVIDIA GPU and the pinned torch in its Python, with or
# without a package archive: libraries come from .deps/sysroot if tools/gpu_bundle.sh made it. Tests
# that need the GPU fail here when they find none. Ends with a picture painted on the GPU, compared
# with the same on the CPU.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
cd "$sd_root"
sysroot=$sd_root/.deps/sysroot

torch=${SD_TORCH_DIR:-$(python3 -c "
import importlib.util
spec = importlib.util.find_spec('torch')
print(spec.submodule_search_locations[0] if spec else '')")}
options=(-DSD_TORCH_DIR="$torch" -DSD_CUDA=ON)
if [[ -d $sysroot ]]; then
  libraries=$(dirname "$(find "$sysroot/usr/lib" -name 'libpng.so' -print -quit)")
  # DT_RPATH, so that the libraries' own needs are searched for in the bundle, too.
  flags="-Wl,--disable-new-dtags -Wl,-rpath,$libraries -Wl,-rpath-link,$libraries"
  options+=(
    -DCMAKE_PREFIX_PATH="$sysroot/usr" -DCMAKE_LIBRARY_PATH="$libraries"
    -DCMAKE_INCLUDE_PATH="$sysroot/usr/include;$sysroot/usr/include/${libraries##*/}"
    -DPKG_CONFIG_EXECUTABLE="$sysroot/pkg-config"
    -DCMAKE_EXE_LINKER_FLAGS="$flags" -DCMAKE_SHARED_LINKER_FLAGS="$flags")
fi

if [[ -z ${SD_GPU_TEST_WITHOUT_GPU:-} ]]; then  # set to try this script where no GPU is
  export SD_REQUIRE_GPU=1
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
tools/run_cpp_tests.sh release "${options[@]}"

sd=build/release/bin/sd
if [[ -n ${SD_REQUIRE_GPU:-} && -x $sd ]]; then
  for device in cpu cuda; do
    say "Painting on $device"
    "$sd" txt2img --prompt "a red circle on a blue background" --seed 1 --device "$device" \
      --dtype fp32 --output "build/$device.png" --on-exist overwrite
  done
  python3 - build/cpu.png build/cuda.png <<'PYTHON'
import sys

import numpy
from PIL import Image

cpu, cuda = (numpy.asarray(Image.open(name).convert("RGB"), numpy.int32) for name in sys.argv[1:])
difference = abs(cpu - cuda)
print(f"CPU and GPU, fp32: at most {difference.max()}/255 apart, {difference.mean():.4f} on average")
PYTHON
fi
