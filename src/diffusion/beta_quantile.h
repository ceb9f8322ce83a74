#pragma once

namespace sd {

/// The x below which Beta(a, b) has the probability p, 0 to 1: the bits of scipy.stats.beta.ppf.
double beta_quantile(double p, double a, double b);

}  // namespace sd
