#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

namespace sd {

/// Classifier-free guidance: whether the network runs on the negative prompts, too.
enum class Guidance { kOff, kOn };

/// What the network is told besides sample and time, one row for each row of the batch it runs on
/// (with guidance: the negatives of all images, then the positives).
struct Conditioning {
  at::Tensor text;          ///< text states [N, T, D]
  at::Tensor text_mask;     ///< which of them are text, not padding, bool [N, T]; undefined: all
  at::Tensor t5;            ///< states of T5 where they are apart [N, T', D']; undefined elsewhere
  at::Tensor t5_mask;       ///< bool [N, T']
  at::Tensor pooled;        ///< pooled text [N, P]; undefined where the family has none
  at::Tensor time_ids;      ///< sizes and crops, float32 [N, 6 or 5]; undefined elsewhere
  at::Tensor class_labels;  ///< UNets with a class embedding [N] or [N, …]; undefined elsewhere
  at::Tensor guidance_states;  ///< embedded guidance scale of LCM UNets [N, E]; undefined elsewhere

  // The same for all rows:
  at::Tensor rope;  ///< cosines and sines of rotary positions [2, L, D / heads], float32
  bool rounded_times =
      false;  ///< times and sizes are rounded to the dtype before they are embedded
};

/// A network that is called once a step. `bind` does all the work that no step changes (text keys
/// and values, time embeddings of every step) and owns every buffer that a step reads.
class Denoiser {
 public:
  virtual ~Denoiser() = default;

  /// times [S], or [S, N] where rows differ: the time of every model call of the run, float32.
  virtual void bind(const Conditioning& conditioning, const at::Tensor& times) = 0;

  /// sample [N, C, h, w] in the network's dtype, at model call `step` of the bound run
  /// -> the network's output [N, C_out, h, w]
  virtual at::Tensor run(const at::Tensor& sample, int64_t step) = 0;

  /// The same for the last rows of the batch alone, as many as `sample` has, with the blocks of
  /// these numbers left out (skip-layer guidance). Of networks that have numbered blocks alike.
  virtual at::Tensor run_without(const at::Tensor& sample, int64_t step,
                                 const std::vector<int>& skipped);
};

}  // namespace sd
