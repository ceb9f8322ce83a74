#include "models/hunyuan_dit/tencent_files.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/model_file.h"
#include "diffusion/registry.h"
#include "models/hunyuan_dit/tencent_keys.h"
#include "models/hunyuan_dit/tencent_layout.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

ComponentPaths paths_of(const ModelFolder& folder, const char* component,
                        const std::string& variant = "") {
  std::vector<fs::path> weights = find_tencent_weights(folder, component, variant);
  return {folder.folder_of(component) / "config.json", std::move(weights)};
}

/// The files' own words for what a config.json would tell in a diffusers folder.
HunyuanDitConfig config_of_weights(const std::vector<fs::path>& files) {
  const WeightStore weights = open_tencent_transformer(files);
  const auto version = weights.has("time_extra_emb.style_embedder.weight")
                           ? TencentVersion::kUpTo11
                           : TencentVersion::kFrom12;
  HunyuanDitConfig config = read_hunyuan_dit_config(
      ConfigReader::from_text(tencent_transformer_config(version), "the configuration of DiT-g/2"));
  constexpr const char* kFirst = "pos_embed.proj.weight";
  const std::vector<int64_t> expected = {config.width(), config.in_channels, config.patch_size,
                                         config.patch_size};
  SD_CHECK(weights.shape(kFirst) == expected, ErrorKind::kModel, weights.description(),
           ": tensor '", weights.stored_name(kFirst), "' should have the shape ",
           at::IntArrayRef(expected), " of DiT-g/2, it has ",
           at::IntArrayRef(weights.shape(kFirst)),
           "; a config.json beside it, as diffusers writes it, tells of other sizes");
  return config;
}

}  // namespace

WeightStore open_tencent_transformer(const std::vector<fs::path>& files) {
  constexpr const char* kParallel = "module.";
  WeightStore weights(files);
  const std::vector<std::string> names = weights.names();
  const bool is_parallel = std::ranges::all_of(
      names, [](const std::string& name) { return name.starts_with(kParallel); });
  weights.translate(tencent_dialect(is_parallel ? kParallel : ""));
  return weights;
}

HunyuanDitFiles find_tencent_files(const ModelFolder& folder, const LoadOptions& options) {
  ComponentPaths transformer = paths_of(folder, "transformer", options.variant);
  const bool has_config = is_there(transformer.config);
  const HunyuanDitConfig config = has_config ? read_hunyuan_dit_config(transformer.config)
                                             : config_of_weights(transformer.weights);
  if (!has_config) transformer.config = transformer.weights.front();  // what messages name
  const auto version =
      config.meta == PictureMeta::kNone ? TencentVersion::kFrom12 : TencentVersion::kUpTo11;
  return {.layout = folder.layout,
          .transformer = std::move(transformer),
          .config = config,
          .bert = paths_of(folder, "text_encoder"),
          .bert_tokenizer = component_folder(folder, "tokenizer"),
          .t5 = paths_of(folder, "text_encoder_2"),
          .t5_tokenizer = component_folder(folder, "tokenizer_2"),
          .vae = paths_of(folder, "vae"),
          .scheduler = read_scheduler_config(ConfigReader::from_text(
              tencent_scheduler_config(version), "the scheduler of HunyuanDiT"))};
}

}  // namespace sd
