#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "models/model_folder.h"

namespace sd {

/// Tencent's own layout of HunyuanDiT (github.com/Tencent/HunyuanDiT, hydit/inference.py): a folder
/// with clip_text_encoder (a BERT), tokenizer, mt5 (encoder and tokenizer), sdxl-vae-fp16-fix and
/// model, where the transformer's weights are pytorch_model_ema, …_module and …_distill. It is
/// called t2i; `path` is it or the folder above. Nothing unless at least two of the five are there.
std::optional<ModelFolder> find_tencent_folder(const std::filesystem::path& path);

/// The variant of the transformer that is taken where none is asked for.
inline constexpr const char* kTencentVariant = "ema";

/// The variants of the transformer that are there as safetensors.
std::set<std::string> tencent_variants(const ModelFolder& folder);

/// The weight files of a component that has some. Errors: kModel, for weights that are there as
/// pickles alone, and for a variant of the transformer that is not there, naming those that are.
std::vector<std::filesystem::path> find_tencent_weights(const ModelFolder& folder,
                                                        const std::string& component,
                                                        const std::string& variant);

/// Whether a component's weights are there as safetensors.
bool has_tencent_weights(const ModelFolder& folder, const std::string& component,
                         const std::string& variant);

/// Up to 1.1 the noise at the last time is stronger, and the network is told of sizes and a style.
enum class TencentVersion { kUpTo11, kFrom12 };

/// What scheduler_config.json and the transformer's config.json of diffusers' folders say, as JSON:
/// Tencent's have neither. The transformer is DiT-g/2.
std::string tencent_scheduler_config(TencentVersion version);
std::string tencent_transformer_config(TencentVersion version);

}  // namespace sd
