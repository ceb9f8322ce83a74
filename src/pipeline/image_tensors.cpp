#include "pipeline/image_tensors.h"

#include <cstring>

#include "core/tensor_ops.h"
#include "io/resize_lanczos.h"

namespace sd {

at::Tensor picture_to_tensor(const Picture& picture, int width, int height) {
  const bool fits = picture.width == width && picture.height == height;
  const Picture resized = fits ? picture : resize_lanczos(picture, width, height);
  at::Tensor bytes = at::empty({height, width, 3}, at::kByte);
  std::memcpy(bytes.data_ptr<uint8_t>(), resized.rgb.data(), resized.rgb.size());
  const at::Tensor unit = bytes.to(at::kFloat) / 255.0;
  return (2.0 * unit - 1.0).permute({2, 0, 1}).unsqueeze(0).contiguous();
}

std::vector<Picture> tensor_to_pictures(const at::Tensor& images) {
  const at::Tensor unit = (images * 0.5 + 0.5).clamp(0, 1).to(at::kCPU, at::kFloat);
  const at::Tensor bytes = at::round(unit * 255.0).to(at::kByte).permute({0, 2, 3, 1}).contiguous();
  std::vector<Picture> pictures;
  for (int64_t i = 0; i < bytes.size(0); ++i) {
    const at::Tensor image = bytes[i];
    Picture picture{static_cast<int>(image.size(1)), static_cast<int>(image.size(0)), {}};
    const auto* data = image.data_ptr<uint8_t>();
    picture.rgb.assign(data, data + image.numel());
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

Latents tensor_to_latents(const at::Tensor& latents) {
  const at::Tensor values = latents.to(at::kCPU, at::kFloat).contiguous();
  const auto* data = values.data_ptr<float>();
  return {values.sizes().vec(), {data, data + values.numel()}};
}

at::Tensor latents_to_tensor(const Latents& latents) {
  at::Tensor tensor = at::empty(latents.shape, at::kFloat);
  TORCH_INTERNAL_ASSERT(tensor.numel() == static_cast<int64_t>(latents.values.size()));
  std::memcpy(tensor.data_ptr<float>(), latents.values.data(),
              latents.values.size() * sizeof(float));
  return tensor.unsqueeze(0);
}

}  // namespace sd
