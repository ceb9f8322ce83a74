#pragma once

#include "models/hunyuan_dit/hunyuan_dit_files.h"

namespace sd {

/// Those of a folder in Tencent's layout; LoadOptions::variant chooses among the weights of the
/// transformer. Errors: kModel.
HunyuanDitFiles find_tencent_files(const ModelFolder& folder, const LoadOptions& options);

/// The transformer's tensors by diffusers' names. Errors: kModel.
WeightStore open_tencent_transformer(const std::vector<std::filesystem::path>& files);

}  // namespace sd
