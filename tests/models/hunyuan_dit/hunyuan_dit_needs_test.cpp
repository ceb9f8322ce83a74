#include "models/hunyuan_dit/hunyuan_dit_needs.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/models/hunyuan_dit/cases.h"
#include "tests/support/peak_memory.h"

namespace sd {
namespace {

using namespace hunyuan_cases;

class HunyuanDitNeeds : public ::testing::TestWithParam<std::string> {};

TEST_P(HunyuanDitNeeds, TheWorkIsWhatPyTorchCounts) {
  const HunyuanDitConfig config = config_of(GetParam());
  const WeightStore weights({data_path(GetParam() + ".safetensors")});
  const auto counts = nlohmann::json::parse(std::ifstream(data_path("work.json")));
  ASSERT_EQ(counts[GetParam()].size(), 2);
  for (const auto& count : counts[GetParam()]) {
    const HunyuanDitTokens tokens{.rows = count["rows"],
                                  .h = count["h"].get<int64_t>() / config.patch_size,
                                  .w = count["w"].get<int64_t>() / config.patch_size};
    double found = 0;
    for (const GridWork& work : call_work(config, weights, tokens)) found += work.multiplications;
    EXPECT_EQ(2 * found, count["flops"].get<double>());
  }
}

/// A lower bound, and no idle one.
TEST_P(HunyuanDitNeeds, TheMemoryIsJustBelowWhatACallTakes) {
  const HunyuanDitConfig config = config_of(GetParam());
  auto model = load(GetParam());
  Conditioning c;
  c.text = at::zeros({2, config.text_length, config.text_width});
  c.t5 = at::zeros({2, config.t5_length, config.t5_width});
  c.time_ids = at::zeros({2, 6});
  constexpr int64_t kPatches = 64;  // a side: much more than what attention keeps for itself
  const int64_t side = kPatches * config.patch_size;
  c.rope = at::zeros({2, kPatches * kPatches, config.head_width});
  const at::Tensor sample = at::zeros({2, config.in_channels, side, side});
  c10::InferenceMode no_autograd;
  const PeakMemory peak;
  model->bind(c, at::tensor({500.0f}));
  model->run(sample, 0);
  const double least = least_call_memory(config, {.rows = 2, .h = kPatches, .w = kPatches}, 4);
  EXPECT_GE(peak.bytes(), least);
  EXPECT_LE(peak.bytes(), 2 * least);
}

INSTANTIATE_TEST_SUITE_P(Networks, HunyuanDitNeeds, ::testing::Values("v1_1", "v1_2", "plain"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace sd
