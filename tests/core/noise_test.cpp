#include "core/noise.h"

#include <gtest/gtest.h>

#include "core/tensor_ops.h"

namespace sd {
namespace {

// torch.randn((1, 4, 8, 8), generator=torch.Generator("cpu").manual_seed(0)).flatten()[:4] and of
// seed 1, from torch 2.11.0.
TEST(SeededNoise, EqualsTorchGenerators) {
  SeededNoise noise({0, 1});
  const at::Tensor draw = noise.normal({2, 4, 8, 8});
  const at::Tensor expected = at::tensor({-1.1258398f, -1.1523602f, -0.2505786f, -0.4338788f});
  EXPECT_TRUE(at::allclose(draw[0].flatten().slice(0, 0, 4), expected, 0, 1e-6));
  const at::Tensor second = at::tensor({-1.5255959f, -0.7502318f, -0.6539809f, -1.6094848f});
  EXPECT_TRUE(at::allclose(draw[1].flatten().slice(0, 0, 4), second, 0, 1e-6));
}

TEST(SeededNoise, ARowDependsOnItsSeedAlone) {
  SeededNoise together({5, 6, 7});
  SeededNoise alone({6});
  for (int draw = 0; draw < 3; ++draw) {
    EXPECT_TRUE(at::equal(together.normal({3, 4, 5, 5})[1], alone.normal({1, 4, 5, 5})[0]));
  }
}

}  // namespace
}  // namespace sd
