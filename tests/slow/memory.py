"""The most memory that `sd` holds at a time, with random weights of Stable Diffusion 1.5's size.

    python tests/slow/memory.py [--dtype fp32|bf16]

Each case is a process of its own, with a bar: the bytes of the weights that must be there at once, in
the dtype of the run, and what everything else may take. $SD_BINARY is the program.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import measuring  # noqa: E402

BYTES = {"fp32": 4, "bf16": 2}
BESIDE_WEIGHTS = 1.2e9
TILED_DECODE = 3e9


def weight_bytes(model, dtype):
    """Bytes of every component's weights in the dtype of a run."""
    info = json.loads(measuring.run([measuring.sd_program(), "info", str(model), "--json"]).output)
    return {part["name"]: part["parameters"] * BYTES[dtype] for part in info["components"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dtype", choices=BYTES, default="fp32")
    parser.add_argument("--model", default="sd15")
    arguments = parser.parse_args()
    model = measuring.find_model(arguments.model)
    weights = weight_bytes(model, arguments.dtype)
    common = ["-m", str(model), "-p", "a red circle", "--seed", "0", "--device", "cpu", "--dtype", arguments.dtype]
    with tempfile.TemporaryDirectory() as folder:
        latents = Path(folder) / "latents.safetensors"
        save_file({"latents": np.random.default_rng(0).standard_normal((1, 4, 128, 128), np.float32)}, latents)
        small = ["txt2img", "-W", "512", "-H", "512", "--steps", "2", "--sampler", "ddim"]
        large = ["img2img", "--init-latents", str(latents), "--strength", "0", "--low-memory", "--vae-tiling"]
        cases = (
            ("512x512", small, sum(weights.values()) + BESIDE_WEIGHTS),
            ("512x512, --low-memory", [*small, "--low-memory"], max(weights.values()) + BESIDE_WEIGHTS),
            ("1024x1024, decoded with --vae-tiling", large, TILED_DECODE),
        )
        print(f"| {arguments.dtype} | peak, GB | at most, GB |\n|---|---:|---:|")
        failed = False
        for name, command, limit in cases:
            peak = measuring.run([measuring.sd_program(), *command, *common, "-o", f"{folder}/out.png"]).peak
            print(f"| {name} | {peak / 1e9:.2f} | {limit / 1e9:.2f} |", flush=True)
            failed |= peak > limit
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
