#pragma once

#include <array>
#include <span>
#include <string_view>

namespace sd {

/// What is known of a family without loading anything: for programs that only look at a model.
struct KnownFamily {
  std::string_view pipeline_class;               ///< "_class_name" of model_index.json
  std::string_view name;                         ///< for people
  std::string_view denoiser;                     ///< the component that takes the noise away
  std::span<const std::string_view> components;  ///< all that are loaded
};

inline constexpr std::array<std::string_view, 5> kStableDiffusionComponents = {
    "scheduler", "text_encoder", "tokenizer", "unet", "vae"};

inline constexpr std::array<std::string_view, 9> kStableDiffusion3Components = {
    "scheduler",      "text_encoder", "text_encoder_2",
    "text_encoder_3", "tokenizer",    "tokenizer_2",
    "tokenizer_3",    "transformer",  "vae"};

inline constexpr std::array<std::string_view, 7> kHunyuanDitComponents = {
    "scheduler",   "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2",
    "transformer", "vae"};

/// A row for every pipeline class of registry.cpp.
inline constexpr std::array kKnownFamilies = {
    KnownFamily{"StableDiffusionPipeline", "Stable Diffusion 1 or 2", "unet",
                kStableDiffusionComponents},
    KnownFamily{"StableDiffusionImg2ImgPipeline", "Stable Diffusion 1 or 2", "unet",
                kStableDiffusionComponents},
    KnownFamily{"StableDiffusion3Pipeline", "Stable Diffusion 3", "transformer",
                kStableDiffusion3Components},
    KnownFamily{"StableDiffusion3Img2ImgPipeline", "Stable Diffusion 3", "transformer",
                kStableDiffusion3Components},
    KnownFamily{"HunyuanDiTPipeline", "HunyuanDiT", "transformer", kHunyuanDitComponents},
};

}  // namespace sd
