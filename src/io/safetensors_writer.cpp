#include "io/safetensors_writer.h"

#include <cassert>
#include <cstring>
#include <nlohmann/json.hpp>

#include "io/safetensors.h"

namespace sd {

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorBytes>& tensors,
                       const std::map<std::string, std::string>& metadata, OnExist on_exist) {
  constexpr size_t kAlignment = 8;
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    [[maybe_unused]] uint64_t bits = safetensors_dtype_bits(tensor.dtype);
    for (int64_t dimension : tensor.shape) bits *= static_cast<uint64_t>(dimension);
    assert(bits == tensor.bytes.size() * 8);
    const size_t end = position + tensor.bytes.size();
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.is_null() ? "{}" : header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');

  const uint64_t length = text.size();
  std::vector<uint8_t> file(sizeof(length) + text.size() + position);
  std::memcpy(file.data(), &length, sizeof(length));
  std::memcpy(file.data() + sizeof(length), text.data(), text.size());
  uint8_t* data = file.data() + sizeof(length) + text.size();
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.bytes.empty()) std::memcpy(data, tensor.bytes.data(), tensor.bytes.size());
    data += tensor.bytes.size();
  }
  write_file_atomically(path, file, on_exist);
}

}  // namespace sd
