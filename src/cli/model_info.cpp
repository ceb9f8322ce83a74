#include "cli/model_info.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

#include "core/check.h"
#include "core/model_file.h"
#include "core/model_json.h"
#include "io/component_files.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"
#include "models/hunyuan_dit/tencent_layout.h"
#include "models/known_families.h"
#include "models/model_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;
constexpr std::array<std::string_view, 2> kStems = {"diffusion_pytorch_model", "model"};

const KnownFamily* find_family(const std::string& pipeline_class) {
  const auto* row = std::ranges::find(kKnownFamilies, pipeline_class, &KnownFamily::pipeline_class);
  return row == kKnownFamilies.end() ? nullptr : row;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// "model" or "diffusion_pytorch_model", by the files that are there; empty where there are none.
std::string stem_of(const fs::path& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    for (const std::string_view stem : kStems) {
      const bool is_weights =
          name.ends_with(".safetensors") || name.find(".safetensors.") != std::string::npos;
      if (is_weights && name.starts_with(stem)) return std::string(stem);
    }
  }
  return "";
}

/// Empty for a component without weights.
std::vector<fs::path> weight_files(const ModelFolder& model, const std::string& component,
                                   const std::string& variant) {
  if (model.layout == FolderLayout::kTencent) {
    if (!has_tencent_weights(model, component, variant)) return {};
    return find_tencent_weights(model, component, variant);
  }
  const fs::path folder = model.folder_of(component);
  const std::string stem = stem_of(folder);
  if (stem.empty()) return {};
  return find_weight_files(folder, stem, variant).paths;
}

/// Names of weights of a component that are there besides those of `variant`.
std::vector<std::string> other_variants(const ModelFolder& model, const std::string& component,
                                        const std::string& variant) {
  std::set<std::string> names;
  if (model.layout == FolderLayout::kTencent) {
    if (component == "transformer") names = tencent_variants(model);
    if (variant.empty()) names.erase(kTencentVariant);
  } else if (!stem_of(model.folder_of(component)).empty()) {
    names = weight_variants(model.folder_of(component));
    names.erase("");
  }
  names.erase(variant);
  return {names.begin(), names.end()};
}

/// Weights of a component, by the headers of their files.
void read_weights(const ModelFolder& model, const std::string& variant, ComponentInfo& component) {
  for (const fs::path& path : weight_files(model, component.name, variant)) {
    const auto file = MappedFile::open(path);
    component.files.push_back(path.filename().string());
    component.bytes += file->bytes().size();
    for (const auto& [name, tensor] :
         parse_safetensors_header(file->bytes(), path.string()).tensors) {
      const auto count = std::accumulate(
          tensor.shape.begin(), tensor.shape.end(), uint64_t{1},
          [](uint64_t product, int64_t side) { return product * static_cast<uint64_t>(side); });
      component.dtypes[tensor.dtype] += count;
      const bool is_float = tensor.dtype.starts_with('F') || tensor.dtype.starts_with("BF");
      component.parameters += is_float ? count : 0;
    }
  }
  component.variants = other_variants(model, component.name, variant);
}

/// scheduler_config.json, or what stands for it; nothing where there is none.
std::optional<nlohmann::json> scheduler_config(const ModelFolder& model) {
  if (model.layout == FolderLayout::kTencent) {
    return parse_json_object(tencent_scheduler_config(TencentVersion::kFrom12), "the scheduler");
  }
  const fs::path file = model.folder_of("scheduler") / "scheduler_config.json";
  if (!model.has("scheduler") || !is_there(file)) return std::nullopt;
  return parse_json_object(read_model_text(file), file.string());
}

std::string string_or(const nlohmann::json& object, const char* key, const std::string& fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}

/// 1.2 GB, 12.3 MB, 900 bytes.
std::string print_bytes(uint64_t bytes) {
  constexpr double kStep = 1000;
  constexpr std::array<const char*, 4> kUnits = {" bytes", " kB", " MB", " GB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= kStep && unit + 1 < kUnits.size()) {
    value /= kStep;
    ++unit;
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 ? 0 : 1) << value << kUnits[unit];
  return text.str();
}

std::string print_parameters(uint64_t count) {
  constexpr double kMillion = 1e6;
  std::ostringstream text;
  text << std::fixed << std::setprecision(count < 10 * kMillion ? 2 : 0)
       << static_cast<double>(count) / kMillion << " M parameters";
  return text.str();
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string print_component(const ComponentInfo& component) {
  std::string line = "  " + component.name + ": " + component.class_name;
  if (!component.files.empty()) {
    std::vector<std::string> dtypes;
    for (const auto& [dtype, count] : component.dtypes) dtypes.push_back(dtype);
    line += ", " + print_parameters(component.parameters) + ", " + join(dtypes) + ", " +
            print_bytes(component.bytes);
    line += component.files.size() == 1 ? " in " + component.files[0]
                                        : concat_text(" in ", component.files.size(), " files");
  }
  if (!component.variants.empty()) line += "; also there: " + join(component.variants);
  return line + "\n";
}

struct Key {
  std::string_view name;
  Json (*value)(const ModelInfo& info);
  std::string_view meaning;
};

Json component_json(const ComponentInfo& component) {
  return {{"name", component.name},
          {"class", component.class_name},
          {"loaded", component.is_loaded},
          {"files", component.files},
          {"variants", component.variants},
          {"bytes", component.bytes},
          {"parameters", component.parameters},
          {"dtypes", component.dtypes}};
}

const std::array kKeys = {
    Key{"schema", [](const ModelInfo&) -> Json { return kSchema; },
        "1; with this number keys may be added, but none goes or changes"},
    Key{"model", [](const ModelInfo& info) -> Json { return info.folder; }, "as it was named"},
    Key{"family",
        [](const ModelInfo& info) -> Json {
          return info.family.empty() ? Json(nullptr) : Json(info.family);
        },
        "null where sd cannot paint with it"},
    Key{"pipeline_class", [](const ModelInfo& info) -> Json { return info.pipeline_class; },
        "diffusers' class, as model_index.json names it"},
    Key{"diffusers_version", [](const ModelInfo& info) -> Json { return info.diffusers_version; },
        "that wrote the folder; maybe empty"},
    Key{"scheduler", [](const ModelInfo& info) -> Json { return info.scheduler; },
        "diffusers' class; maybe empty"},
    Key{"prediction_type", [](const ModelInfo& info) -> Json { return info.prediction_type; },
        "what the network predicts: epsilon, v_prediction, sample or flow"},
    Key{"hash",
        [](const ModelInfo& info) -> Json { return info.hash ? Json(*info.hash) : nullptr; },
        "SHA-256 of the denoising network's files; null unless it is known or --hash was given"},
    Key{"components",
        [](const ModelInfo& info) -> Json {
          Json list = Json::array();
          for (const ComponentInfo& component : info.components) {
            list.push_back(component_json(component));
          }
          return list;
        },
        "a list of objects: name, class, loaded (false: sd leaves it alone), files, variants, "
        "bytes, parameters, dtypes"},
};

}  // namespace

ModelInfo read_model_info(const fs::path& folder, const std::string& variant) {
  const ModelFolder model = read_model_folder(folder);
  check_variant(model, variant);
  const KnownFamily* family = find_family(model.pipeline_class);
  ModelInfo info;
  info.folder = folder.string();
  info.pipeline_class = model.pipeline_class;
  info.diffusers_version = model.diffusers_version;
  if (family != nullptr) info.family = family->name;
  for (const auto& [name, class_name] : model.components) {
    ComponentInfo component;
    component.name = name;
    component.class_name = class_name;
    component.is_loaded = family != nullptr && contains(family->components, name);
    read_weights(model, variant, component);
    info.components.push_back(std::move(component));
  }
  if (const auto config = scheduler_config(model)) {
    info.scheduler = model.components.at("scheduler");
    // The schedulers of rectified flow have no such key: their networks predict a velocity.
    const bool is_flow = info.scheduler.starts_with("FlowMatch");
    info.prediction_type = string_or(*config, "prediction_type", is_flow ? "flow" : "epsilon");
  }
  return info;
}

std::string print_model_info(const ModelInfo& info) {
  std::string text = info.folder + ": ";
  text += info.family.empty() ? info.pipeline_class + ", which sd does not know"
                              : info.family + " (" + info.pipeline_class + ")";
  if (!info.diffusers_version.empty()) text += ", written by diffusers " + info.diffusers_version;
  text += '\n';
  if (!info.scheduler.empty()) {
    text += "scheduler: " + info.scheduler + ", prediction type: " + info.prediction_type + "\n";
  }
  if (info.hash) text += "hash: " + *info.hash + "\n";
  uint64_t parameters = 0;
  uint64_t bytes = 0;
  std::string loaded;
  std::string left_out;
  for (const ComponentInfo& component : info.components) {
    (component.is_loaded ? loaded : left_out) += print_component(component);
    parameters += component.is_loaded ? component.parameters : 0;
    bytes += component.is_loaded ? component.bytes : 0;
  }
  if (!loaded.empty()) {
    text +=
        "components: " + print_parameters(parameters) + ", " + print_bytes(bytes) + "\n" + loaded;
  }
  if (!left_out.empty()) text += "not loaded:\n" + left_out;
  return text;
}

std::string model_info_json(const ModelInfo& info) {
  Json object;
  for (const Key& key : kKeys) object[std::string(key.name)] = key.value(info);
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<HelpRow> model_info_keys() {
  std::vector<HelpRow> rows;
  for (const Key& key : kKeys) rows.push_back({key.name, key.meaning});
  return rows;
}

std::vector<fs::path> denoiser_files(const fs::path& folder, const std::string& variant) {
  try {
    const ModelFolder model = read_model_folder(folder);
    const KnownFamily* family = find_family(model.pipeline_class);
    if (family == nullptr) return {};
    return weight_files(model, std::string(family->denoiser), variant);
  } catch (const Error&) {  // the engine will say what is wrong with the model
    return {};
  }
}

}  // namespace sd
