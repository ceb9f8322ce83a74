#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.h"

namespace sd {

/// One tensor to be written: its dtype as safetensors spells it ("F32"), row-major bytes.
struct TensorBytes {
  std::string dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes a safetensors file, whole or not at all. Tensors stand in the order of their names; the
/// header is padded with spaces so that the data begins at a multiple of 8 bytes.
/// Errors: kOutput.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorBytes>& tensors,
                       const std::map<std::string, std::string>& metadata, OnExist on_exist);

}  // namespace sd
