#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

#include "core/noise.h"

namespace sd {

/// What the network's output stands for.
enum class PredictionType { kEpsilon, kVPrediction, kSample };

struct StepOutput {
  at::Tensor prev;     ///< the sample at the next, less noisy time
  at::Tensor pred_x0;  ///< the estimate of the clean sample at this step
};

/// A table (times, coefficients) and a state (position, history) for the images that share it.
/// Samples are [B, C, h, w] in any floating dtype and on any device; coefficients are float32.
/// One object serves one run at a time: `set_timesteps` starts a run afresh.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// Makes the tables of a run of `steps` denoising steps, 1 to the number of training times.
  /// Errors: kUsage where steps are out of range or the sampler has no such number of steps.
  virtual void set_timesteps(int64_t steps) = 0;

  /// The time of every model call of the run, noisiest first; fractional for some samplers. PNDM
  /// has one call more than steps, Heun twice as many less one.
  virtual const std::vector<double>& timesteps() const = 0;

  /// Model calls that make one step, as diffusers' `order`: 2 for Heun, else 1.
  virtual int64_t order() const { return 1; }

  /// Starts the run at that model call instead of the first (img2img).
  virtual void set_begin_index(int64_t index) = 0;

  /// Errors: kUsage where a model call from the begin index on has a time outside the training
  /// range or no finite coefficients. The first `add_noise`, `scale_model_input` or `step` of a run
  /// checks by itself; whoever wants to know before the expensive work asks here.
  virtual void check() const = 0;

  /// Whether `step` wants the network's word on the variance, in channels after those of the
  /// sample.
  virtual bool takes_variance() const { return false; }

  /// Unit noise times this is the sample of a run that begins at pure noise.
  virtual double init_noise_sigma() const { return 1.0; }

  /// The sample as the network wants it at the current position.
  virtual at::Tensor scale_model_input(const at::Tensor& sample) const = 0;

  /// One model call further. model_output and sample [B, C, h, w]; randomness, where the sampler
  /// uses any, is drawn from `noise` in diffusers' order.
  virtual StepOutput step(const at::Tensor& model_output, const at::Tensor& sample,
                          NoiseSource& noise) = 0;

  /// The clean sample x0 noised to the level of the current position: the begin index before the
  /// first step (img2img), later the next model call (inpainting), of which one must be left.
  /// x0, noise [B, C, h, w].
  virtual at::Tensor add_noise(const at::Tensor& x0, const at::Tensor& noise) const = 0;
};

}  // namespace sd
