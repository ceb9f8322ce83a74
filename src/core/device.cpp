#include "core/device.h"

#include <charconv>
#include <cpuid.h>

#include "core/backend.h"
#include "core/check.h"

namespace sd {
namespace {

c10::Device resolve_device(const std::string& name) {
  const c10::Device cpu(c10::DeviceType::CPU);
  if (name == "cpu") return cpu;
  const bool asks_for_gpu = name.starts_with("cuda");
  SD_CHECK(name == "auto" || asks_for_gpu, ErrorKind::kUsage,
           "--device: expected auto, cpu, cuda or cuda:N, found '", name, "'");

  int index = 0;
  if (name.starts_with("cuda:")) {
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 5, end, index);
    SD_CHECK(error == std::errc() && rest == end && index >= 0, ErrorKind::kUsage,
             "--device: expected cuda or cuda:N, found '", name, "'");
  } else {
    SD_CHECK(name == "auto" || name == "cuda", ErrorKind::kUsage,
             "--device: expected auto, cpu, cuda or cuda:N, found '", name, "'");
  }
  Backend* gpu = gpu_backend();
  if (!gpu && !asks_for_gpu) return cpu;
  SD_CHECK(gpu, ErrorKind::kUsage, "--device ", name,
           ": no GPU can be used: ", gpu_unavailable_reason());
  SD_CHECK(index < gpu->device_count(), ErrorKind::kUsage, "--device ", name, ": this machine has ",
           gpu->device_count(), " GPUs, numbered from 0");
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
}

c10::ScalarType resolve_dtype(const std::string& name, c10::Device device, std::string_view flag) {
  if (name == "auto") {
    if (device.is_cuda()) return c10::ScalarType::Half;
    return cpu_has_bf16() ? c10::ScalarType::BFloat16 : c10::ScalarType::Float;
  }
  if (name == "fp32") return c10::ScalarType::Float;
  if (name == "bf16") return c10::ScalarType::BFloat16;
  SD_CHECK(name == "fp16", ErrorKind::kUsage, flag, ": expected auto, fp32, bf16 or fp16, found '",
           name, "'");
  SD_CHECK(device.is_cuda(), ErrorKind::kUsage, flag,
           " fp16: CPUs compute float16 hundreds of times slower; use bf16 or fp32 there");
  return c10::ScalarType::Half;
}

}  // namespace

bool cpu_has_bf16() {
  constexpr unsigned kAvx512Bf16 = 1u << 5;  // leaf 7, sub-leaf 1, EAX
  constexpr unsigned kAmxBf16 = 1u << 22;    // leaf 7, sub-leaf 0, EDX
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool amx = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kAmxBf16);
  const bool avx512 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kAvx512Bf16);
  return amx || avx512;
}

Placement resolve_placement(const std::string& device, const std::string& dtype,
                            std::string_view dtype_flag) {
  Placement placement;
  placement.device = resolve_device(device);
  placement.dtype = resolve_dtype(dtype, placement.device, dtype_flag);
  return placement;
}

std::string device_name(const Placement& placement) { return placement.device.str(); }

std::string dtype_name(const Placement& placement) {
  switch (placement.dtype) {
    case c10::ScalarType::Half: return "fp16";
    case c10::ScalarType::BFloat16: return "bf16";
    default: return "fp32";
  }
}

}  // namespace sd
