#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <memory>
#include <string>

#include "core/config_reader.h"
#include "core/noise.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"

namespace sd::testing {

/// A config from the text of a scheduler_config.json.
inline SchedulerConfig config_from(const std::string& json) {
  return read_scheduler_config(ConfigReader::from_text(json, "scheduler_config.json"));
}

/// A scheduler from the text of a scheduler_config.json.
inline std::unique_ptr<Scheduler> scheduler_from(const std::string& json) {
  return make_scheduler(config_from(json));
}

/// One generator for the whole batch, as diffusers' own tests draw.
class OneGenerator : public NoiseSource {
 public:
  explicit OneGenerator(uint64_t seed)
      : generator_(at::make_generator<at::CPUGeneratorImpl>(seed)) {}

  at::Tensor normal(at::IntArrayRef shape) override {
    ++draws;
    return at::randn(shape, generator_, at::TensorOptions().dtype(at::kFloat));
  }

  int64_t draws = 0;

 private:
  at::Generator generator_;
};

}  // namespace sd::testing
