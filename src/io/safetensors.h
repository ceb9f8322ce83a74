#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace sd {

/// One tensor of a safetensors file; begin and end are byte positions in the whole file.
struct TensorInfo {
  std::string dtype;  ///< as written: "F32", "F16", "BF16", "I64", …
  std::vector<int64_t> shape;
  size_t begin = 0;
  size_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads and distrusts the header of a safetensors file with every check of the reference
/// implementation (huggingface/safetensors, `safetensors/src/tensor.rs`): header of at most 100 MB
/// inside the file, an object, no duplicate key, known dtypes, shape times dtype equal to the
/// bytes (multiplication checked), tensors contiguous from the first byte of data to the last of
/// the file, string metadata.
/// `name` is used in messages. Errors: kModel.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& name);

/// Bits of one element of a safetensors dtype; 0 for an unknown one.
int safetensors_dtype_bits(const std::string& dtype);

}  // namespace sd
