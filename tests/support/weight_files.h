#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "core/tensor_ops.h"
#include "io/safetensors_writer.h"
#include "io/weight_store.h"

namespace sd::testing {

using Tensors = std::map<std::string, at::Tensor>;
using Shapes = std::map<std::string, std::vector<int64_t>>;

/// A new folder that is removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sd-test-XXXXXX").string();
    if (!mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Tensors read_tensors(const std::filesystem::path& path) {
  WeightStore store({path});
  Tensors tensors;
  for (const std::string& name : store.names()) tensors[name] = store.take(name, store.shape(name));
  return tensors;
}

/// Writes contiguous tensors of float16.
inline void write_tensors(const std::filesystem::path& path, const Tensors& tensors) {
  std::map<std::string, TensorBytes> all;
  for (const auto& [name, tensor] : tensors) {
    TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == at::kHalf);
    const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
    all[name] = {"F16", tensor.sizes().vec(), {data, tensor.nbytes()}};
  }
  write_safetensors(path, all, {}, OnExist::kOverwrite);
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

/// A safetensors file of float16 zeros that takes no room on the disk: what a network of real size
/// needs to exist.
inline void write_sparse_zeros(const std::filesystem::path& path, const Shapes& shapes) {
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
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof(length)) << text;
  file.close();
  std::filesystem::resize_file(path, sizeof(length) + length + end);
}

}  // namespace sd::testing
