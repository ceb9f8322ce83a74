#pragma once

#include <string>
#include <string_view>

#include "core/placement.h"

namespace sd {

/// Has this CPU instructions for bfloat16 products (AVX512-BF16 or AMX-BF16, by CPUID)?
bool cpu_has_bf16();

/// The placement that `--device` and `--dtype` ask for. "auto" device: CUDA where a GPU is, else
/// the CPU; "auto" dtype: fp16 on CUDA, bf16 on a CPU that has it, else fp32. Errors: kUsage for a
/// name that is none, a GPU that is not there, fp16 on a CPU; `dtype_flag` names what asked for the
/// dtype.
Placement resolve_placement(const std::string& device, const std::string& dtype,
                            std::string_view dtype_flag = "--dtype");

/// "cpu", "cuda:0"
std::string device_name(const Placement& placement);
/// "fp32", "bf16", "fp16"
std::string dtype_name(const Placement& placement);

}  // namespace sd
