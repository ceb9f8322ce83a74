#include "diffusion/beta_quantile.h"

#include <boost/math/special_functions/beta.hpp>

namespace sd {

double beta_quantile(double p, double a, double b) {
  // As scipy asks for it: all of it in double.
  using InDouble = boost::math::policies::policy<boost::math::policies::promote_double<false>>;
  return boost::math::ibeta_inv(a, b, p, InDouble());
}

}  // namespace sd
