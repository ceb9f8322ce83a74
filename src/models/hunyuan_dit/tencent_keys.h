#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "io/weight_store.h"

namespace sd {

/// A module of Tencent's HunyuanDiT (github.com/Tencent/HunyuanDiT, hydit/modules/models.py) and
/// what stands for it in diffusers' HunyuanDiT2DModel
/// (diffusers scripts/convert_hunyuandit_to_diffusers.py).
struct TencentModule {
  std::string_view stored;
  std::array<std::string_view, 3> names;  ///< empty from the last one on
  RowOrder order = RowOrder::kAsStored;
};

/// Those in a block, named without "blocks.N.".
std::span<const TencentModule> tencent_block_modules();
/// Those outside of the blocks; two parameters that are in no module of their own, too.
std::span<const TencentModule> tencent_network_modules();

/// Names of Tencent's transformers behind `prefix`, which is "module." in files that were saved
/// from a parallel run.
WeightDialect tencent_dialect(const std::string& prefix);

}  // namespace sd
