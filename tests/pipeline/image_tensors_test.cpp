#include "pipeline/image_tensors.h"

#include <ATen/ops/full_like.h>
#include <gtest/gtest.h>

#include "core/tensor_ops.h"

namespace sd {
namespace {

TEST(ImageTensors, EveryByteSurvivesTheWayThere) {
  Picture picture{16, 16, {}};
  for (int i = 0; i < 16 * 16 * 3; ++i) picture.rgb.push_back(static_cast<uint8_t>(i % 256));
  const at::Tensor tensor = picture_to_tensor(picture, 16, 16);
  EXPECT_EQ(tensor.sizes(), (at::IntArrayRef{1, 3, 16, 16}));
  EXPECT_EQ(tensor[0][0][0][0].item<float>(), -1.0F);
  EXPECT_EQ(tensor_to_pictures(tensor)[0], picture);
}

TEST(ImageTensors, RoundsHalfToEvenAndClamps) {
  // x / 2 + 0.5 times 255: 127.5 rounds to 128, 0.5 to 0; beyond [-1, 1] is clamped.
  const at::Tensor values = at::tensor({0.0F, 1.0F / 255 - 1, 1.5F, -7.0F}).view({1, 1, 2, 2});
  const Picture picture = tensor_to_pictures(values.expand({1, 3, 2, 2}))[0];
  EXPECT_EQ(picture.rgb[0], 128);
  EXPECT_EQ(picture.rgb[3], 0);
  EXPECT_EQ(picture.rgb[6], 255);
  EXPECT_EQ(picture.rgb[9], 0);
}

TEST(ImageTensors, ResizesToTheSizeAskedFor) {
  const Picture gray{10, 6, std::vector<uint8_t>(180, 100)};
  const at::Tensor tensor = picture_to_tensor(gray, 8, 16);
  EXPECT_EQ(tensor.sizes(), (at::IntArrayRef{1, 3, 16, 8}));
  EXPECT_TRUE(at::equal(tensor, at::full_like(tensor, 2 * (100 / 255.0F) - 1)));
}

TEST(ImageTensors, LatentsThereAndBack) {
  const at::Tensor latents = at::arange(24, at::kFloat).view({4, 2, 3});
  const Latents plain = tensor_to_latents(latents);
  EXPECT_EQ(plain.shape, (std::vector<int64_t>{4, 2, 3}));
  EXPECT_TRUE(at::equal(latents_to_tensor(plain), latents.unsqueeze(0)));
}

}  // namespace
}  // namespace sd
