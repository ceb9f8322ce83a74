#include "io/latents_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "core/check.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"
#include "io/safetensors_writer.h"

namespace sd {
namespace {

constexpr const char* kKey = "latents";

float float_from_bf16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16U);
}

/// IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction.
float float_from_fp16(uint16_t bits) {
  const int exponent = (bits >> 10U) & 0x1fU;
  const auto fraction = static_cast<float>(bits & 0x3ffU);
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

std::vector<float> to_floats(std::span<const std::byte> bytes, const std::string& dtype,
                             const std::string& name) {
  if (dtype == "F32") {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
  }
  SD_CHECK(dtype == "F16" || dtype == "BF16", ErrorKind::kInput, name, ": ", kKey,
           ": expected F32, F16 or BF16, found ", dtype);
  std::vector<uint16_t> halves(bytes.size() / sizeof(uint16_t));
  std::memcpy(halves.data(), bytes.data(), halves.size() * sizeof(uint16_t));
  std::vector<float> values(halves.size());
  std::ranges::transform(halves, values.begin(),
                         dtype == "F16" ? float_from_fp16 : float_from_bf16);
  return values;
}

std::string print_shape(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Latents parse_latents(const MappedFile& file) {
  const std::string name = file.path().string();
  const SafetensorsHeader header = parse_safetensors_header(file.bytes(), name);
  const auto found = header.tensors.find(kKey);
  SD_CHECK(found != header.tensors.end(), ErrorKind::kInput, name, ": expected the tensor ", kKey,
           ", found ", header.tensors.size(), " others");
  const TensorInfo& info = found->second;
  std::vector<int64_t> shape = info.shape;
  if (shape.size() == 4 && shape.front() == 1) shape.erase(shape.begin());
  SD_CHECK(shape.size() == 3 && std::ranges::all_of(shape, [](int64_t n) { return n > 0; }),
           ErrorKind::kInput, name, ": ", kKey, ": expected the shape [1, C, h, w] or [C, h, w], ",
           "found ", print_shape(info.shape));
  std::vector<float> values =
      to_floats(file.bytes().subspan(info.begin, info.end - info.begin), info.dtype, name);
  const auto bad = std::ranges::find_if_not(values, [](float x) { return std::isfinite(x); });
  SD_CHECK(bad == values.end(), ErrorKind::kInput, name, ": ", kKey, ": expected numbers, found ",
           *bad, " at position ", bad - values.begin());
  return {std::move(shape), std::move(values)};
}

}  // namespace

Latents read_latents(const std::filesystem::path& path) {
  try {
    return parse_latents(*MappedFile::open(path));
  } catch (const Error& error) {  // the reader of weights calls the same faults kModel
    fail(ErrorKind::kInput, error.what());
  }
}

void write_latents(const std::filesystem::path& path, const Latents& latents, OnExist on_exist) {
  std::vector<int64_t> shape = {1};
  shape.insert(shape.end(), latents.shape.begin(), latents.shape.end());
  const auto bytes = std::as_bytes(std::span(latents.values));
  write_safetensors(path, {{kKey, {"F32", shape, bytes}}}, {}, on_exist);
}

}  // namespace sd
