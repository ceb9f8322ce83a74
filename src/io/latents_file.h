#pragma once

#include <filesystem>

#include "sd/pipeline.h"

#include "io/atomic_file.h"

namespace sd {

/// Latents [C, h, w] from a safetensors file with the one tensor "latents", shape [1, C, h, w] or
/// [C, h, w], of F32, F16 or BF16. Errors: kInput (file, key, shape, dtype, a value that is no
/// number).
Latents read_latents(const std::filesystem::path& path);

/// Writes latents [C, h, w] as the tensor "latents" [1, C, h, w] of F32, the shape that diffusers
/// takes. Errors: kOutput.
void write_latents(const std::filesystem::path& path, const Latents& latents, OnExist on_exist);

}  // namespace sd
