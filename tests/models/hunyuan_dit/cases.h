#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "models/hunyuan_dit/hunyuan_dit_model.h"
#include "tests/support/golden.h"

// The networks and runs that tools/fixtures/hunyuan_dit.py recorded.

namespace sd::hunyuan_cases {

inline std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("hunyuan_dit/" + name);
}

inline HunyuanDitConfig config_of(const std::string& network) {
  return read_hunyuan_dit_config(data_path(network + ".json"));
}

inline std::unique_ptr<HunyuanDit2DModel> load(const std::string& network,
                                               at::ScalarType dtype = at::kFloat,
                                               int64_t budget = StepTable::kDefaultBudget) {
  WeightStore weights({data_path(network + ".safetensors")});
  auto model = std::make_unique<HunyuanDit2DModel>(Weights(weights, {at::kCPU, dtype}),
                                                   config_of(network), budget);
  weights.finish();
  return model;
}

inline testing::Golden golden_of(const std::string& network) {
  return testing::Golden("hunyuan_dit/" + network + ".io.safetensors");
}

/// What a recorded run was told.
inline Conditioning condition_of(testing::Golden& golden, const std::string& run) {
  Conditioning c;
  c.text = golden[run + ".encoder_hidden_states"];
  c.text_mask = golden[run + ".text_embedding_mask"];
  c.t5 = golden[run + ".encoder_hidden_states_t5"];
  c.t5_mask = golden[run + ".text_embedding_mask_t5"];
  c.rope = golden[run + ".image_rotary_emb"];
  if (golden.has(run + ".image_meta_size")) c.time_ids = golden[run + ".image_meta_size"];
  return c;
}

/// The same for a network of another type.
inline Conditioning condition_as(Conditioning c, at::ScalarType dtype) {
  c.text = c.text.to(dtype);
  c.t5 = c.t5.to(dtype);
  return c;
}

/// That of one row alone.
inline Conditioning row_of(const Conditioning& all, int64_t row) {
  Conditioning c = all;
  for (at::Tensor* part : {&c.text, &c.text_mask, &c.t5, &c.t5_mask, &c.time_ids}) {
    if (part->defined()) *part = part->narrow(0, row, 1);
  }
  return c;
}

struct Case {
  at::Tensor sample;
  at::Tensor times;
  Conditioning conditioning;
  std::vector<at::Tensor> outputs;
  double bfloat16_error;  ///< mean square of diffusers' error over that of the output
};

inline Case read_case(const std::string& network, const std::string& run) {
  testing::Golden golden = golden_of(network);
  Case c{.sample = golden[run + ".sample"],
         .times = golden[run + ".times"],
         .conditioning = condition_of(golden, run),
         .outputs = {},
         .bfloat16_error = golden[run + ".bfloat16_error"].item<double>()};
  for (int64_t step = 0; step < c.times.size(0); ++step) {
    c.outputs.push_back(golden[run + ".out." + std::to_string(step)]);
  }
  return c;
}

struct Network {
  std::string name;
  std::string run;

  friend void PrintTo(const Network& n, std::ostream* out) { *out << n.name << ", " << n.run; }
};

}  // namespace sd::hunyuan_cases
