#include "models/hunyuan_dit/tencent_layout.h"

#include <algorithm>
#include <array>
#include <regex>
#include <string_view>

#include "core/check.h"
#include "core/model_file.h"
#include "io/component_files.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

struct Component {
  const char* name;  ///< of diffusers
  const char* class_name;
  const char* folder;  ///< null: none
  const char* stem;    ///< of its weights; null where it has none, empty where they have variants
  const char* pickle;  ///< what Tencent's own download has in their place
};

constexpr std::array kComponents = {
    Component{"scheduler", "DDPMScheduler", nullptr, nullptr, nullptr},
    Component{"text_encoder", "BertModel", "clip_text_encoder", "model", "pytorch_model.bin"},
    Component{"text_encoder_2", "T5EncoderModel", "mt5", "model", "pytorch_model.bin"},
    Component{"tokenizer", "BertTokenizer", "tokenizer", nullptr, nullptr},
    Component{"tokenizer_2", "T5Tokenizer", "mt5", nullptr, nullptr},
    Component{"transformer", "HunyuanDiT2DModel", "model", "", nullptr},
    Component{"vae", "AutoencoderKL", "sdxl-vae-fp16-fix", "diffusion_pytorch_model",
              "diffusion_pytorch_model.bin"},
};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool looks_right(const fs::path& path) {
  constexpr int kEnough = 2;
  std::set<std::string_view> found;
  for (const Component& component : kComponents) {
    if (component.folder != nullptr && is_folder(path / component.folder)) {
      found.insert(component.folder);
    }
  }
  return found.size() >= kEnough;
}

/// Which files hold a component's weights, and in place of which pickle.
struct WeightNames {
  std::string stem;
  std::string pickle;
};

/// Nothing for a component without weights.
std::optional<WeightNames> weight_names(const std::string& component, const std::string& variant) {
  const auto* row = std::ranges::find(kComponents, component, &Component::name);
  if (row == kComponents.end() || row->stem == nullptr) return std::nullopt;
  if (row->pickle != nullptr) return WeightNames{row->stem, row->pickle};
  const std::string stem = "pytorch_model_" + (variant.empty() ? kTencentVariant : variant);
  return WeightNames{stem, stem + ".pt"};
}

bool has_safetensors(const fs::path& folder, const std::string& stem) {
  return is_there(folder / (stem + ".safetensors")) ||
         is_there(folder / (stem + ".safetensors.index.json"));
}

[[noreturn]] void fail_without_variant(const ModelFolder& folder, const std::string& stem) {
  std::string known;
  for (const std::string& name : tencent_variants(folder)) {
    known += (known.empty() ? "those of --variant " : ", ") + name;
  }
  fail(ErrorKind::kModel, folder.folder_of("transformer").string(), ": expected ", stem,
       ".safetensors, found ", known.empty() ? "no safetensors of the transformer" : known);
}

}  // namespace

std::optional<ModelFolder> find_tencent_folder(const fs::path& path) {
  const fs::path inner = path / "t2i";
  const fs::path& root = is_folder(inner) ? inner : path;
  if (!looks_right(root)) return std::nullopt;
  ModelFolder folder;
  folder.path = root;
  folder.layout = FolderLayout::kTencent;
  folder.pipeline_class = "HunyuanDiTPipeline";
  for (const Component& component : kComponents) {
    folder.components[component.name] = component.class_name;
    if (component.folder != nullptr) folder.subfolders[component.name] = component.folder;
  }
  return folder;
}

std::set<std::string> tencent_variants(const ModelFolder& folder) {
  static const std::regex kName(R"(pytorch_model_([^.]+?)(-\d+-of-\d+)?\.safetensors)");
  std::set<std::string> variants;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder.folder_of("transformer"), ignored)) {
    const std::string name = entry.path().filename().string();
    std::smatch parts;
    if (std::regex_match(name, parts, kName)) variants.insert(parts[1].str());
  }
  return variants;
}

bool has_tencent_weights(const ModelFolder& folder, const std::string& component,
                         const std::string& variant) {
  const auto names = weight_names(component, variant);
  return names && has_safetensors(folder.folder_of(component), names->stem);
}

std::vector<fs::path> find_tencent_weights(const ModelFolder& folder, const std::string& component,
                                           const std::string& variant) {
  const fs::path path = component_folder(folder, component);
  const WeightNames names = weight_names(component, variant).value();
  if (!has_safetensors(path, names.stem)) {
    SD_CHECK(!is_there(path / names.pickle), ErrorKind::kModel, (path / names.pickle).string(),
             ": this is a pickle, which is not read; expected ", names.stem,
             ".safetensors with the same keys");
    if (component == "transformer") fail_without_variant(folder, names.stem);
  }
  return find_weight_files(path, names.stem, "").paths;
}

std::string tencent_scheduler_config(TencentVersion version) {
  return concat_text(R"({"_class_name": "DDPMScheduler", "beta_start": 0.00085, "beta_end": )",
                     version == TencentVersion::kFrom12 ? "0.018" : "0.03",
                     R"(, "beta_schedule": "scaled_linear", "clip_sample": false,
                        "num_train_timesteps": 1000, "prediction_type": "v_prediction",
                        "steps_offset": 1, "timestep_spacing": "leading"})");
}

std::string tencent_transformer_config(TencentVersion version) {
  return concat_text(R"({"_class_name": "HunyuanDiT2DModel", "activation_fn": "gelu-approximate",
                         "attention_head_dim": 88, "cross_attention_dim": 1024,
                         "cross_attention_dim_t5": 2048, "hidden_size": 1408, "in_channels": 4,
                         "learn_sigma": true, "mlp_ratio": 4.3637, "num_attention_heads": 16,
                         "num_layers": 40, "patch_size": 2, "pooled_projection_dim": 1024,
                         "sample_size": 128, "text_len": 77, "text_len_t5": 256,
                         "use_style_cond_and_image_meta_size": )",
                     version == TencentVersion::kFrom12 ? "false}" : "true}");
}

}  // namespace sd
