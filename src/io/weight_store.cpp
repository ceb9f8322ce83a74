#include "io/weight_store.h"

#include <ATen/ops/isnan.h>
#include <algorithm>
#include <cstring>
#include <utility>

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

/// The shape of the tensor of which that is one part of many.
std::vector<int64_t> whole_shape(at::IntArrayRef part, int64_t parts) {
  std::vector<int64_t> shape = part.vec();
  if (!shape.empty()) shape[0] *= parts;
  return shape;
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

void WeightStore::add(std::map<std::string, Entry>& entries, const std::string& name,
                      Entry&& entry) const {
  const bool is_new = entries.try_emplace(name, std::move(entry)).second;
  SD_CHECK(is_new, ErrorKind::kModel, description_, ": two tensors stand for '", name, "'");
}

void WeightStore::rename(const std::function<std::string(const std::string&)>& new_name) {
  std::map<std::string, Entry> renamed;
  for (auto& [name, entry] : entries_) {
    const std::string key = new_name(name);
    if (!key.empty() || name.empty()) add(renamed, key, std::move(entry));
  }
  entries_ = std::move(renamed);
}

void WeightStore::translate(WeightDialect dialect) {
  std::map<std::string, Entry> translated;
  for (const auto& [stored, entry] : entries_) {
    const NetworkTensor tensor = dialect.tensor_of(stored);
    if (tensor.names.empty()) foreign_.insert(stored);
    std::vector<Entry> parts = cut(entry, stored, tensor);
    for (size_t i = 0; i < parts.size(); ++i) {
      add(translated, tensor.names[i], std::move(parts[i]));
    }
  }
  entries_ = std::move(translated);
  dialect_ = std::move(dialect);
}

/// One entry for each name.
std::vector<WeightStore::Entry> WeightStore::cut(const Entry& whole, const std::string& stored,
                                                 const NetworkTensor& tensor) const {
  const auto count = static_cast<int64_t>(tensor.names.size());
  const std::vector<int64_t>& shape = whole.info.shape;
  const int64_t multiple = tensor.order == RowOrder::kHalvesSwapped ? 2 * count : count;
  const bool fits = multiple <= 1 || (!shape.empty() && shape[0] % multiple == 0);
  SD_CHECK(fits, ErrorKind::kModel, description_, ": tensor '", stored,
           "' should have a multiple of ", multiple, " rows, it has the shape ",
           at::IntArrayRef(shape));
  std::vector<Entry> parts;
  for (int64_t i = 0; i < count; ++i) {
    Entry part = whole;
    part.parts = count;
    part.order = tensor.order;
    if (count > 1) part.info.shape[0] /= count;
    const size_t bytes = (whole.info.end - whole.info.begin) / static_cast<size_t>(count);
    part.info.begin += static_cast<size_t>(i) * bytes;
    part.info.end = part.info.begin + bytes;
    parts.push_back(std::move(part));
  }
  return parts;
}

std::string WeightStore::stored_name(const std::string& name) const {
  return dialect_.stored_name ? dialect_.stored_name(name) : name;
}

const WeightStore::Entry& WeightStore::find(const std::string& name) const {
  auto found = entries_.find(name);
  SD_CHECK(found != entries_.end(), ErrorKind::kModel, description_, ": tensor '",
           stored_name(name), "' is missing");
  return found->second;
}

const std::vector<int64_t>& WeightStore::shape(const std::string& name) const {
  return find(name).info.shape;
}

at::Tensor WeightStore::take(const std::string& name, at::IntArrayRef expected_shape) {
  const Entry& entry = find(name);
  const TensorInfo& info = entry.info;
  SD_CHECK(at::IntArrayRef(info.shape) == expected_shape, ErrorKind::kModel, description_,
           ": tensor '", stored_name(name), "' should have the shape ",
           at::IntArrayRef(whole_shape(expected_shape, entry.parts)), ", it has ",
           at::IntArrayRef(whole_shape(info.shape, entry.parts)));
  taken_.insert(name);
  // Nothing writes into a weight: the mapping is read-only, and the const is cast away only because
  // from_blob has no const form.
  void* data = const_cast<std::byte*>(entry.file->bytes().data() + info.begin);
  const auto options = at::TensorOptions().dtype(scalar_type(info.dtype, description_));
  at::Tensor view = at::from_blob(
      data, info.shape, [file = entry.file](void*) {}, options);
  const bool aligned = reinterpret_cast<uintptr_t>(data) % view.element_size() == 0;
  if (!aligned) view = view.clone();
  if (entry.order == RowOrder::kAsStored) return view;
  const int64_t half = view.size(0) / 2;
  return at::cat({view.narrow(0, half, half), view.narrow(0, 0, half)});
}

void WeightStore::drop_pages(const std::string& name) const {
  const Entry& entry = find(name);
  entry.file->drop_pages(entry.info.begin, entry.info.end);
}

void WeightStore::finish(const std::vector<std::string>& known_buffers) const {
  std::set<std::string> left_over = foreign_;
  for (const auto& [name, entry] : entries_) {
    const bool known = std::any_of(known_buffers.begin(), known_buffers.end(),
                                   [&](const std::string& end) { return name.ends_with(end); });
    if (!taken_.contains(name) && !known) left_over.insert(stored_name(name));
  }
  if (left_over.empty()) return;
  fail(ErrorKind::kModel, description_, ": ", left_over.size(),
       " tensors belong to no part of the network that its config describes, the first is '",
       *left_over.begin(), "'");
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
      return concat_text(entry.file->path().string(), ": tensor '", stored_name(name), "' holds ",
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
