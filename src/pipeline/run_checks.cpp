#include "pipeline/run_checks.h"

#include <cmath>

#include "core/check.h"
#include "core/memory.h"
#include "core/tensor_ops.h"

namespace sd {

void check_finite(const at::Tensor& values, const char* what, const char* advice,
                  const Family& family, const Placement& placement) {
  if (at::isfinite(values).all().item<bool>()) return;
  const std::optional<std::string> broken = family.find_broken_weight();
  SD_CHECK(!broken, ErrorKind::kModel, *broken, ", so the ", what, " became NaN or infinite");
  const bool half = placement.dtype != at::kFloat;
  fail(ErrorKind::kNumeric, "the ", what, " became NaN or infinite; try ",
       half ? "--dtype fp32" : advice);
}

void check_memory(double needed, const std::string& what, std::string_view advice,
                  const Placement& placement) {
  constexpr double kGigabyte = 1 << 30;
  const auto available = available_memory(placement.device);
  if (!available || needed <= *available) return;
  fail(ErrorKind::kMemory, what, " would need more than ", std::ceil(needed / kGigabyte),
       " GB of memory, and ", std::floor(*available / kGigabyte), " GB are free; ", advice);
}

}  // namespace sd
