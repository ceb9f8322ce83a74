#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

#include "diffusion/scheduler.h"
#include "diffusion/scheduler_config.h"

namespace sd {

/// KL divergence, in nats, of two Gaussians of diagonal covariance, for each element. All of one
/// shape or broadcast to one.
at::Tensor gaussian_kl(const at::Tensor& mean, const at::Tensor& log_variance,
                       const at::Tensor& other_mean, const at::Tensor& other_log_variance);

/// Logarithm, in nats, of the probability that a Gaussian gives to the bin of x where [-1, 1] is
/// cut into 256 values 2/255 apart: the first and the last bin (|x| > 0.999) reach to infinity, and
/// no probability is below 1e-12 (Ho et al. 2020, arXiv:2006.11239, eq. 13; the normal's cumulative
/// distribution by its tanh approximation, as in the code of Dhariwal & Nichol). One shape or
/// broadcast.
at::Tensor discretized_log_likelihood(const at::Tensor& x, const at::Tensor& mean,
                                      const at::Tensor& log_scale);

/// Whether the predicted clean latents are clamped to [-1, 1].
enum class ClipDenoised { kNo, kYes };

/// A batch at one time for each row: the clean latents x0 and the noise [N, C, h, w], float32, the
/// noised latents of `noised`, and what the network says of these [N, 2C, h, w]: the prediction,
/// then where between its bounds the logarithm of the variance lies, -1 to 1.
struct BoundBatch {
  at::Tensor x0;
  at::Tensor noise;
  at::Tensor noised;
  at::Tensor output;
  std::vector<int64_t> times;  ///< N, from 0
};

/// For each row of a batch, float64 [N]; means over all elements of a row.
struct BoundTerms {
  at::Tensor vb;       ///< bits per dimension: KL of the posteriors, at time 0 the decoder's NLL
  at::Tensor mse;      ///< of the noise that pred_x0 implies
  at::Tensor x0_mse;   ///< of pred_x0
  at::Tensor pred_x0;  ///< float32 [N, C, h, w], clipped where that is asked for
};

/// The variational bound of a diffusion with learned-range variance (Nichol & Dhariwal 2021,
/// arXiv:2102.09672, eq. 4 to 7 and 15): what Tencent's HunyuanDiT computes in `_vb_terms_bpd`,
/// `_prior_bpd` and `calc_bpd_loop`. Tables are float64, as there. What the network sees is
/// float32; the terms, which are float32 there, are float64: the KL of late times, a difference of
/// numbers near 1, would be rounding, and all probabilities below 6e-8 would become 1e-12.
class VariationalBound {
 public:
  /// Errors: kModel for a config without betas, or one that makes no bound.
  explicit VariationalBound(const SchedulerConfig& config);

  int64_t train_times() const { return static_cast<int64_t>(alpha_bars_.size()); }

  /// x0, noise float32 [N, C, h, w], one time for each row -> the noised latents, float32
  at::Tensor noised(const at::Tensor& x0, const at::Tensor& noise,
                    const std::vector<int64_t>& times) const;

  BoundTerms terms(const BoundBatch& batch, ClipDenoised clip) const;

  /// KL of the latents at the last time and pure noise, bits per dimension. x0 [N, C, h, w]
  /// -> float64 [N]
  at::Tensor prior(const at::Tensor& x0) const;

 private:
  at::Tensor predicted_x0(const BoundBatch& batch, ClipDenoised clip) const;
  at::Tensor predicted_log_variance(const BoundBatch& batch) const;

  PredictionType prediction_;
  std::vector<double> alpha_bars_;
  // The posterior q(x_{t-1} | x_t, x_0), at each time:
  std::vector<double> x0_factors_;      // of its mean
  std::vector<double> sample_factors_;  // of its mean
  std::vector<double> log_variances_;   // at time 0, where it is no number, that of time 1
  std::vector<double> log_betas_;       // the upper bound of the variance
};

}  // namespace sd
