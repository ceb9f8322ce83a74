#include "models/weight_bytes.h"

#include <string>

namespace sd {

double weight_bytes(const WeightStore& weights, const Placement& placement) {
  double bytes = 0;
  for (const std::string& name : weights.names()) {
    auto product = static_cast<double>(c10::elementSize(placement.dtype));
    for (const int64_t side : weights.shape(name)) product *= static_cast<double>(side);
    bytes += product;
  }
  return bytes;
}

}  // namespace sd
