#pragma once

#include <array>
#include <string_view>

namespace sd {

// What the fields of a request may be, whatever the model.
inline constexpr int kMinSide = 8;  ///< the smallest factor of an autoencoder, in pixels
inline constexpr int kMaxSide = 16384;
inline constexpr int kMaxSteps = 1000;  ///< as many as any model was trained with
inline constexpr double kMaxScale = 1000;
inline constexpr int kMaxClipSkip = 31;         ///< the largest CLIP text encoder has 32 layers
inline constexpr int kMaxSequenceLength = 512;  ///< of the T5 text encoder, as in diffusers
inline constexpr int kMaxLayer = 999;       ///< of skip-layer guidance; each model knows its own
inline constexpr int kMaxImages = 1000000;  ///< of one command, or of one job

inline constexpr std::array<std::string_view, 3> kSigmas = {"karras", "exponential", "beta"};
inline constexpr std::array<std::string_view, 3> kSpacings = {"leading", "linspace", "trailing"};
inline constexpr std::array<std::string_view, 2> kRopeGrids = {"diffusers", "original"};
inline constexpr std::array<std::string_view, 4> kVariances = {"fixed_small", "fixed_small_log",
                                                               "fixed_large", "learned_range"};

/// Whether rotary positions are on the grid that is taken where none is named.
inline bool is_usual_rope_grid(std::string_view grid) {
  return grid.empty() || grid == kRopeGrids.front();
}

}  // namespace sd
