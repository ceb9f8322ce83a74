#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/tensor_ops.h"
#include "io/safetensors_writer.h"
#include "io/weight_store.h"
#include "tests/support/temporary_folder.h"

namespace sd::testing {

using Tensors = std::map<std::string, at::Tensor>;
using Shapes = std::map<std::string, std::vector<int64_t>>;

inline Tensors read_tensors(const std::filesystem::path& path) {
  WeightStore store({path});
  Tensors tensors;
  for (const std::string& name : store.names()) tensors[name] = store.take(name, store.shape(name));
  return tensors;
}

/// A store of contiguous tensors of float16. Its file is gone, the mapping stays.
inline WeightStore stored(const Tensors& tensors) {
  const TemporaryFolder folder;
  std::map<std::string, TensorBytes> all;
  for (const auto& [name, tensor] : tensors) {
    TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == at::kHalf);
    const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
    all[name] = {"F16", tensor.sizes().vec(), {data, tensor.nbytes()}};
  }
  write_safetensors(folder / "changed.safetensors", all, {}, OnExist::kOverwrite);
  return WeightStore({folder / "changed.safetensors"});
}

/// Lines "name size size …"; a * in a name stands for each number below `layers`.
inline Shapes read_shapes(const std::filesystem::path& path, int64_t layers) {
  Shapes shapes;
  std::istringstream lines(read_text(path));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    std::vector<int64_t> shape;
    for (int64_t size = 0; words >> size;) shape.push_back(size);
    const size_t star = name.find('*');
    if (star == std::string::npos) shapes[name] = shape;
    for (int64_t i = 0; star != std::string::npos && i < layers; ++i) {
      shapes[std::string(name).replace(star, 1, std::to_string(i))] = shape;
    }
  }
  return shapes;
}

/// A store of float16 zeros of those shapes that takes no room on the disk: what a network of real
/// size needs to exist.
inline WeightStore sparse_zeros(const Shapes& shapes) {
  std::ostringstream header;
  int64_t end = 0;
  for (const auto& [name, shape] : shapes) {
    header << (end == 0 ? "{" : ",") << '"' << name << R"(":{"dtype":"F16","shape":[)";
    int64_t bytes = 2;
    for (size_t i = 0; i < shape.size(); ++i) {
      header << (i == 0 ? "" : ",") << shape[i];
      bytes *= shape[i];
    }
    header << R"(],"data_offsets":[)" << end << "," << end + bytes << "]}";
    end += bytes;
  }
  header << "}";
  std::string text = header.str();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  const TemporaryFolder folder;
  std::ofstream file(folder / "zeros.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof(length)) << text;
  file.close();
  std::filesystem::resize_file(folder / "zeros.safetensors", sizeof(length) + length + end);
  return WeightStore({folder / "zeros.safetensors"});
}

}  // namespace sd::testing
