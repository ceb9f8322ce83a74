#pragma once

#include <cstdint>
#include <limits>

#include "core/config_reader.h"

namespace sd {

// What the numbers of a config may be: several times the most that a released model of the size of
// SD 1 to 3, SDXL or HunyuanDiT has, so that what no network can mean is refused before anything is
// computed or allocated from it.

constexpr int64_t kMaxLevels = 8;                  ///< resolutions of a network; SDXL 3, DC-AE 6
constexpr IntRange kWidthRange{1, 1 << 16};        ///< channels, hidden sizes; T5-XXL 10240
constexpr IntRange kWidthOrNoneRange{0, 1 << 16};  ///< 0 stands for absent
constexpr IntRange kLayersRange{1, 1 << 10};       ///< of one stack; HunyuanDiT 40
constexpr IntRange kDepthRange{0, 1 << 10};        ///< of stacks that may be empty
constexpr IntRange kHeadsRange{1, 1 << 12};        ///< of one attention; T5-XXL 64
constexpr IntRange kKernelRange{1, 31};            ///< of a convolution; 3
constexpr IntRange kCellsRange{1, 1 << 11};        ///< along a side of the latents; 128
constexpr IntRange kPixelsRange{1, 1 << 14};       ///< along a side of a picture; 1024
constexpr IntRange kVocabularyRange{1, 1 << 24};   ///< T5 of SD3 32128, mT5 250112
constexpr IntRange kTokenRange{0, (1 << 24) - 1};  ///< an id in a vocabulary
constexpr IntRange kPositionsRange{3, 1 << 16};    ///< begin, a token, end; CLIP 77
constexpr IntRange kStepsRange{0, 100'000};        ///< a count of steps or times; 1000
constexpr RealRange kPartRange{0, 1};              ///< betas, epsilons, quantiles
constexpr RealRange kFactorRange{1e-6, 1e6};       ///< what is multiplied with and divided by
constexpr RealRange kOffsetRange{-1e6, 1e6};       ///< what is added
constexpr RealRange kAnyRange{std::numeric_limits<double>::lowest(),
                              std::numeric_limits<double>::max()};

}  // namespace sd
