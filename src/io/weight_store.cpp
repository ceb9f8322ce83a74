#include "io/weight_store.h"

#include <ATen/ops/isnan.h>
#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/tensor_ops.h"

namespace sd {
namespace {

at::ScalarType scalar_type(const std::string& dtype, const std::string& where) {
  static const std::map<std::string_view, at::ScalarType> kTypes = {{"F32", at::kFloat},
                                                                    {"F16", at::kHalf},
                                                                    {"BF16", at::kBFloat16},
                                                                    {"F64", at::kDouble},
                                                                    {"I64", at::kLong},
                                                                    {"I32", at::kInt},
                                                                    {"I16", at::kShort},
                                                                    {"I8", at::kChar},
                                                                    {"U8", at::kByte},
                                                                    {"BOOL", at::kBool},
                                                                    {"F8_E4M3", at::kFloat8_e4m3fn},
                                                                    {"F8_E5M2", at::kFloat8_e5m2}};
  auto found = kTypes.find(dtype);
  SD_CHECK(found != kTypes.end(), ErrorKind::kModel, where, ": tensors of dtype ", dtype,
           " cannot be used as weights");
  return found->second;
}

std::string describe(const std::vector<std::filesystem::path>& files) {
  return files.size() == 1 ? files[0].string() : files.at(0).parent_path().string();
}

}  // namespace

WeightStore::WeightStore(const std::vector<std::filesystem::path>& files)
    : description_(describe(files)) {
  for (const auto& path : files) {
    auto file = MappedFile::open(path);
    SafetensorsHeader header = parse_safetensors_header(file->bytes(), path.string());
    for (auto& [name, info] : header.tensors) {
      const bool is_new = entries_.try_emplace(name, Entry{file, std::move(info)}).second;
      SD_CHECK(is_new, ErrorKind::kModel, path.string(), ": tensor '", name,
               "' is also in another file of this component");
    }
  }
}

void WeightStore::rename(const std::function<std::string(const std::string&)>& new_name) {
  std::map<std::string, Entry> renamed;
  for (auto& [name, entry] : entries_) {
    std::string key = new_name(name);
    if (key.empty() && !name.empty()) continue;
    const bool is_new = renamed.try_emplace(key, std::move(entry)).second;
    SD_CHECK(is_new, ErrorKind::kModel, description_, ": two tensors stand for '", key, "'");
  }
  entries_ = std::move(renamed);
}

const WeightStore::Entry& WeightStore::find(const std::string& name) const {
  auto found = entries_.find(name);
  SD_CHECK(found != entries_.end(), ErrorKind::kModel, description_, ": tensor '", name,
           "' is missing");
  return found->second;
}

const std::vector<int64_t>& WeightStore::shape(const std::string& name) const {
  return find(name).info.shape;
}

at::Tensor WeightStore::take(const std::string& name, at::IntArrayRef expected_shape) {
  const Entry& entry = find(name);
  const TensorInfo& info = entry.info;
  SD_CHECK(at::IntArrayRef(info.shape) == expected_shape, ErrorKind::kModel, description_,
           ": tensor '", name, "' should have the shape ", expected_shape, ", it has ",
           at::IntArrayRef(info.shape));
  taken_.insert(name);
  // Nothing writes into a weight: the mapping is read-only, and the const is cast away only because
  // from_blob has no const form.
  void* data = const_cast<std::byte*>(entry.file->bytes().data() + info.begin);
  const auto options = at::TensorOptions().dtype(scalar_type(info.dtype, description_));
  at::Tensor view = at::from_blob(
      data, info.shape, [file = entry.file](void*) {}, options);
  const bool aligned = reinterpret_cast<uintptr_t>(data) % view.element_size() == 0;
  return aligned ? view : view.clone();
}

void WeightStore::drop_pages(const std::string& name) const {
  const Entry& entry = find(name);
  entry.file->drop_pages(entry.info.begin, entry.info.end);
}

void WeightStore::finish(const std::vector<std::string>& known_buffers) const {
  std::vector<std::string> left_over;
  for (const auto& [name, entry] : entries_) {
    const bool known = std::any_of(known_buffers.begin(), known_buffers.end(),
                                   [&](const std::string& end) { return name.ends_with(end); });
    if (!taken_.contains(name) && !known) left_over.push_back(name);
  }
  if (left_over.empty()) return;
  fail(ErrorKind::kModel, description_, ": ", left_over.size(),
       " tensors belong to no part of the network that config.json describes, the first is '",
       left_over[0], "'");
}

std::optional<std::string> WeightStore::find_non_finite() const {
  constexpr size_t kChunkBytes = 1 << 22;  // no copy of a whole tensor
  for (const auto& [name, entry] : entries_) {
    const at::ScalarType type = scalar_type(entry.info.dtype, description_);
    if (!at::isFloatingType(type)) continue;
    for (size_t begin = entry.info.begin; begin < entry.info.end; begin += kChunkBytes) {
      const auto part =
          entry.file->bytes().subspan(begin, std::min(kChunkBytes, entry.info.end - begin));
      at::Tensor values =
          at::empty({static_cast<int64_t>(part.size() / c10::elementSize(type))}, type);
      std::memcpy(values.data_ptr(), part.data(), part.size());
      if (type != at::kDouble) values = values.to(at::kFloat);
      if (at::isfinite(values).all().item<bool>()) continue;
      const bool has_nan = at::isnan(values).any().item<bool>();
      return concat_text(entry.file->path().string(), ": tensor '", name, "' holds ",
                         has_nan ? "NaN" : "infinite values");
    }
  }
  return {};
}

std::vector<std::string> WeightStore::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

}  // namespace sd
