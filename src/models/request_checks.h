#pragma once

#include "sd/pipeline.h"

namespace sd {

/// The T5 text encoder of a family.
enum class T5Support {
  kNone,
  kNeeded,
  kOptional,  ///< the family can do without
};

/// What a model has an answer to beyond what all models have.
struct ModelFeatures {
  int prompts = 1;  ///< text encoders that take prompts of their own: 1 to 3
  T5Support t5 = T5Support::kNone;
  bool lacks_t5 = false;  ///< an optional one that the folder has not got, or --no-t5 left out
  int most_tokens = 0;    ///< of --max-sequence-length; 0: the number is not to be chosen
  int blocks = 0;         ///< of the network, which skip-layer guidance may leave out; 0: it cannot
  bool has_sizes = false;    ///< the network is told of original size, target size and crop
  bool has_rope = false;     ///< rotary positions on a grid
  bool has_binning = false;  ///< the family keeps to a list of sizes
};

/// Errors: kUsage naming the flag, for what the model has no answer to, and for values that it
/// cannot take.
void check_features(const Request& request, const ModelFeatures& features);

/// The same for how the model is to be loaded.
void check_features(const LoadOptions& options, const ModelFeatures& features);

}  // namespace sd
