#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/model_file.h"

namespace sd {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kLengthBytes = 8;

/// Builds the header from parse events and refuses whatever is not of its form. A state machine and
/// no tree: nesting cannot exhaust the stack, and duplicate keys are seen.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderHandler(SafetensorsHeader& header, const std::string& file)
      : header_(header), file_(file) {}

  bool key(string_t& name) override {
    switch (state_) {
      case State::kTop:
        check_new(names_, name);
        name_ = name;
        state_ = name == "__metadata__" ? State::kExpectMetadata : State::kExpectTensor;
        break;
      case State::kMetadata:
        check_new(fields_, name);
        field_ = name;
        break;
      case State::kTensor:
        check_new(fields_, name);
        field_ = name;
        if (name != "dtype" && name != "shape" && name != "data_offsets") {
          bad("expected dtype, shape and data_offsets, found the key '" + name + "'");
        }
        break;
      default: bad("a key where none belongs");
    }
    return true;
  }

  bool start_object(size_t) override {
    switch (state_) {
      case State::kStart: state_ = State::kTop; break;
      case State::kExpectMetadata: open_fields(State::kMetadata); break;
      case State::kExpectTensor:
        open_fields(State::kTensor);
        tensor_ = TensorInfo{};
        offsets_.clear();
        break;
      default: bad("an object where none belongs");
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      if (fields_.size() != 3 || offsets_.size() != 2)
        bad("dtype, shape and two data_offsets are needed");
      tensor_.begin = offsets_[0];
      tensor_.end = offsets_[1];
      header_.tensors.emplace(name_, std::move(tensor_));
    }
    state_ = state_ == State::kTop ? State::kDone : State::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (state_ != State::kTensor || field_ == "dtype") bad("an array where none belongs");
    state_ = State::kArray;
    return true;
  }

  bool end_array() override {
    state_ = State::kTensor;
    return true;
  }

  bool string(string_t& value) override {
    if (state_ == State::kMetadata) {
      header_.metadata.emplace(field_, value);
    } else if (state_ == State::kTensor && field_ == "dtype") {
      tensor_.dtype = value;
    } else {
      bad("a string where none belongs");
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ != State::kArray) bad("a number where none belongs");
    if (field_ == "data_offsets") {
      offsets_.push_back(value);
    } else {
      if (value > static_cast<uint64_t>(INT64_MAX)) bad("a dimension is too large");
      tensor_.shape.push_back(static_cast<int64_t>(value));
    }
    return true;
  }

  bool number_integer(number_integer_t) override { return bad("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return bad("a number that is not whole");
  }
  bool null() override { return bad("a null"); }
  bool boolean(bool) override { return bad("a true or false"); }
  bool binary(binary_t&) override { return bad("binary data"); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fail(ErrorKind::kModel, file_, ": the safetensors header is not valid JSON (at byte ",
         kLengthBytes + position, ")");
  }

 private:
  enum class State {
    kStart,
    kTop,
    kExpectMetadata,
    kExpectTensor,
    kMetadata,
    kTensor,
    kArray,
    kDone
  };

  void open_fields(State state) {
    state_ = state;
    fields_.clear();
  }

  void check_new(std::set<std::string>& seen, const std::string& name) {
    if (!seen.insert(name).second) bad("the key '" + name + "' stands there twice");
  }

  [[noreturn]] bool bad(const std::string& what) {
    fail(ErrorKind::kModel, file_, ": the safetensors header is malformed",
         name_.empty() ? "" : " at '" + name_ + "'", ": ", what);
  }

  SafetensorsHeader& header_;
  const std::string& file_;
  State state_ = State::kStart;
  std::string name_;
  std::string field_;
  std::set<std::string> names_;
  std::set<std::string> fields_;
  std::vector<uint64_t> offsets_;
  TensorInfo tensor_;
};

void check_sizes(const SafetensorsHeader& header, size_t data_bytes, const std::string& file) {
  struct Range {
    size_t begin, end;
    const std::string* name;
  };
  std::vector<Range> ranges;
  for (const auto& [name, info] : header.tensors) {
    const int bits = safetensors_dtype_bits(info.dtype);
    SD_CHECK(bits > 0, ErrorKind::kModel, file, ": tensor '", name, "' has the unknown dtype '",
             info.dtype, "'");
    uint64_t total = bits;
    for (int64_t dimension : info.shape) {
      SD_CHECK(!__builtin_mul_overflow(total, static_cast<uint64_t>(dimension), &total),
               ErrorKind::kModel, file, ": the shape of tensor '", name, "' overflows");
    }
    SD_CHECK(info.begin <= info.end && total % 8 == 0 && total / 8 == info.end - info.begin,
             ErrorKind::kModel, file, ": tensor '", name, "' needs ", total / 8,
             " bytes by its shape and dtype, its data_offsets are [", info.begin, ", ", info.end,
             "]");
    ranges.push_back({info.begin, info.end, &name});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  size_t position = 0;
  for (const Range& range : ranges) {
    SD_CHECK(range.begin == position, ErrorKind::kModel, file, ": tensor '", *range.name,
             "' begins at byte ", range.begin, " of the data, expected ", position,
             " (tensors may neither overlap nor leave holes)");
    position = range.end;
  }
  SD_CHECK(position == data_bytes, ErrorKind::kModel, file, ": the header describes ", position,
           " bytes of data, the file holds ", data_bytes,
           position > data_bytes ? " (it was cut short)" : "");
}

}  // namespace

int safetensors_dtype_bits(const std::string& dtype) {
  static const std::map<std::string_view, int> kBits = {
      {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"BOOL", 8},    {"U8", 8},
      {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
      {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
      {"I64", 64},        {"U64", 64}};
  auto found = kBits.find(dtype);
  return found == kBits.end() ? 0 : found->second;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const std::string mistake = mistaken_content(text.substr(0, 64));
  SD_CHECK(mistake.empty(), ErrorKind::kModel, name, ": expected a safetensors file; ", mistake);
  SD_CHECK(file.size() >= kLengthBytes, ErrorKind::kModel, name,
           ": expected a safetensors file, found ", file.size(), " bytes");
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  SD_CHECK(length <= kMaxHeaderBytes, ErrorKind::kModel, name,
           ": not a safetensors file (its header would be ", length, " bytes, at most ",
           kMaxHeaderBytes, " are allowed)");
  SD_CHECK(length <= file.size() - kLengthBytes, ErrorKind::kModel, name,
           ": the safetensors header needs ", length, " bytes, the file has ",
           file.size() - kLengthBytes, " after the length (it was cut short)");
  const std::string_view json = text.substr(kLengthBytes, length);
  SD_CHECK(json.starts_with('{'), ErrorKind::kModel, name,
           ": not a safetensors file (its header does not begin with '{')");
  const size_t nul = json.find('\0');  // which the parser would take for the end
  SD_CHECK(nul == json.npos, ErrorKind::kModel, name,
           ": the safetensors header is not valid JSON (at byte ", kLengthBytes + nul + 1, ")");

  SafetensorsHeader header;
  HeaderHandler handler(header, name);
  nlohmann::json::sax_parse(json, &handler);
  const size_t data_start = kLengthBytes + length;
  check_sizes(header, file.size() - data_start, name);
  for (auto& [tensor_name, info] : header.tensors) {
    info.begin += data_start;
    info.end += data_start;
  }
  return header;
}

}  // namespace sd
