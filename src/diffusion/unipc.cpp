#include <ATen/ops/linalg_solve_ex.h>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/vp_multistep.h"

namespace sd {

namespace {

/// Solves matrix · x = right in float32 as torch does; NaN where the matrix is singular.
std::vector<float> solve(const at::Tensor& matrix, const at::Tensor& right) {
  const auto [solution, info] = at::linalg_solve_ex(matrix, right);
  const auto count = static_cast<size_t>(right.size(0));
  if (info.item<int>() != 0) return std::vector(count, std::numeric_limits<float>::quiet_NaN());
  const at::Tensor values = solution.contiguous();
  const float* data = values.const_data_ptr<float>();
  return {data, data + count};
}

/// Rounds to the type that a tensor's arithmetic would round to.
float rounded_to(float value, at::ScalarType type) {
  return at::full({}, value, at::kFloat).to(type).to(at::kFloat).item<float>();
}

/// Unified predictor-corrector (Zhao et al. 2023, arXiv:2302.04867), algorithms 5 to 8: each call
/// first corrects the sample that the last one predicted. diffusers scheduling_unipc_multistep.py.
class UniPc : public VpMultistepScheduler {
 public:
  explicit UniPc(const SchedulerConfig& config)
      : VpMultistepScheduler(config),
        from_x0_(config.get_bool("predict_x0")),
        exponential_b_(config.get_choice("solver_type", {"bh1", "bh2"}) == "bh2") {
    for (const double call : config.get_list("disable_corrector")) {
      uncorrected_.push_back(static_cast<int64_t>(call));
    }
    if (solver_order() < 1) config.refuse("solver_order");
  }

 protected:
  std::vector<double> make_run(int64_t steps) override {
    forget();
    last_sample_.reset();
    return make_grid({.steps = steps,
                      .grid_end = train_times(),
                      .curve_end = CurveEnd::kOwnMinimum,
                      .rounds_karras_times = true});
  }

  bool is_computable(int64_t call) const override {
    return std::isfinite(level(call).lambda) && predictor(call).is_finite() &&
           (!is_corrected(call) || corrector(call).is_finite());
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& predicted,
                     NoiseSource& /*noise*/) override {
    const at::Tensor converted =
        from_x0_ ? predict_x0(call, output, predicted) : predict_epsilon(call, output, predicted);
    const at::Tensor x0 = from_x0_ ? converted : predict_x0(call, output, predicted);
    at::Tensor sample = predicted;
    if (is_corrected(call)) {
      const Update update = corrector(call);
      const at::ScalarType type = last_sample_.scalar_type();
      const at::Tensor newest =
          rounded_to(update.weights.back(), type) * (converted - remembered(0));
      sample = updated(update, last_sample_, newest).to(type);
    }
    remember(converted);
    last_sample_ = sample;
    return {updated(predictor(call), sample, {}).to(sample.scalar_type()), x0};
  }

 private:
  /// x' = sample·x - latest·m0 - scale·(sum of weight_i·(m_i - m0) / ratio_i)
  struct Update {
    float sample = 0;
    float latest = 0;
    float scale = 0;
    std::vector<float> ratios;   ///< of the older outputs m_1, m_2, …
    std::vector<float> weights;  ///< of their differences; the corrector has one more, for the
                                 ///< difference to the new output

    bool is_finite() const {
      const auto finite = [](float value) { return std::isfinite(value); };
      return all_finite({sample, latest, scale}) &&
             std::all_of(weights.begin(), weights.end(), finite) &&
             std::all_of(ratios.begin(), ratios.end(),
                         [](float ratio) { return ratio != 0 && !std::isnan(ratio); });
    }
  };

  enum class Solver { kPredictor, kCorrector };

  int64_t order_at(int64_t call) const {
    const int64_t order =
        lower_order_final() ? std::min(solver_order(), calls() - call) : solver_order();
    return std::min(order, known_outputs(call) + 1);
  }

  bool is_corrected(int64_t call) const {
    return call > begin_index() &&
           std::find(uncorrected_.begin(), uncorrected_.end(), call - 1) == uncorrected_.end();
  }

  /// From this call's level to the next.
  Update predictor(int64_t call) const {
    return update(Solver::kPredictor, call, call + 1, order_at(call));
  }
  /// The last call's step once more, now that the output at its end is known.
  Update corrector(int64_t call) const {
    return update(Solver::kCorrector, call - 1, call, order_at(call - 1));
  }

  Update update(Solver solver, int64_t from_call, int64_t to_call, int64_t order) const {
    const VpLevel& from = level(from_call);
    const VpLevel& to = level(to_call);
    const float h = to.lambda - from.lambda;
    const float hh = from_x0_ ? -h : h;
    const float growth = torch_expm1(hh);
    const float b = exponential_b_ ? growth : hh;
    Update u;
    u.sample = from_x0_ ? to.sigma / from.sigma : to.alpha / from.alpha;
    u.latest = (from_x0_ ? to.alpha : to.sigma) * growth;
    u.scale = (from_x0_ ? to.alpha : to.sigma) * b;
    for (int64_t i = 1; i < order; ++i) {
      u.ratios.push_back((level(from_call - i).lambda - from.lambda) / h);
    }
    // The paper's simplified cases.
    if (solver == Solver::kPredictor && order <= 2) {
      if (order == 2) u.weights = {0.5F};
    } else if (solver == Solver::kCorrector && order == 1) {
      u.weights = {0.5F};
    } else {
      u.weights = solved_weights(solver, u.ratios, hh, b);
    }
    return u;
  }

  /// The weights that make the update exact up to the order: a Vandermonde system in the ratios.
  static std::vector<float> solved_weights(Solver solver, std::vector<float> ratios, float hh,
                                           float b) {
    ratios.push_back(1.0F);
    const auto order = static_cast<int64_t>(ratios.size());
    const at::Tensor points = at::tensor(ratios, at::kFloat);
    std::vector<at::Tensor> rows;
    std::vector<float> right;
    float phi = torch_expm1(hh) / hh - 1.0F;
    int64_t factorial = 1;
    for (int64_t i = 1; i <= order; ++i) {
      rows.push_back(at::pow(points, i - 1));
      right.push_back(phi * static_cast<float>(factorial) / b);
      factorial *= i + 1;
      phi = phi / hh - static_cast<float>(1.0 / static_cast<double>(factorial));
    }
    const int64_t used = solver == Solver::kPredictor ? order - 1 : order;
    const at::Tensor matrix = at::stack(rows).narrow(0, 0, used).narrow(1, 0, used);
    return solve(matrix.contiguous(), at::tensor(right, at::kFloat).narrow(0, 0, used));
  }

  /// Applies the update; `newest` is the corrector's weighted difference to the new output.
  at::Tensor updated(const Update& u, const at::Tensor& sample, const at::Tensor& newest) const {
    const at::Tensor& m0 = remembered(0);
    at::Tensor differences;
    for (size_t i = 0; i < u.ratios.size(); ++i) {
      const at::Tensor term = rounded_to(u.weights[i], sample.scalar_type()) *
                              ((remembered(static_cast<int64_t>(i) + 1) - m0) / u.ratios[i]);
      differences = differences.defined() ? differences + term : term;
    }
    if (newest.defined()) {
      differences = differences.defined() ? differences + newest : newest;
    }
    const at::Tensor base = u.sample * sample - u.latest * m0;
    return differences.defined() ? base - u.scale * differences : base;
  }

  bool from_x0_;
  bool exponential_b_;
  std::vector<int64_t> uncorrected_;
  at::Tensor last_sample_;  ///< where the last call's step began, corrected
};

}  // namespace

SchedulerClass unipc_class() {
  return {"UniPCMultistepScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"solver_order", 2},
           {"prediction_type", "epsilon"},
           {"thresholding", false},
           {"dynamic_thresholding_ratio", 0.995},
           {"sample_max_value", 1.0},
           {"predict_x0", true},
           {"solver_type", "bh2"},
           {"lower_order_final", true},
           {"disable_corrector", std::vector<double>{}},
           {"use_karras_sigmas", false},
           {"use_exponential_sigmas", false},
           {"use_beta_sigmas", false},
           {"use_flow_sigmas", false},
           {"flow_shift", 1.0},
           {"timestep_spacing", "linspace"},
           {"steps_offset", 0},
           {"final_sigmas_type", "zero"},
           {"rescale_betas_zero_snr", false},
           {"use_dynamic_shifting", false},
           {"time_shift_type", "exponential"},
           {"sigma_min", ConfigKey::Type::kDouble},
           {"sigma_max", ConfigKey::Type::kDouble},
           {"shift_terminal", ConfigKey::Type::kDouble}},
          {{"solver_type", {"midpoint", "heun", "logrho"}, "bh2"}},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<UniPc>(config));
          }};
}

}  // namespace sd
