#include "io/comfy_graph.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/foreign_json.h"

namespace sd {
namespace {

using Json = nlohmann::json;

constexpr int kMaxSteps = 200;  // along links, which may go round in circles

// Inputs that hold a text, or lead to a node that does.
constexpr std::array kTextInputs = {"text",     "text_g",   "text_l",         "clip_l",
                                    "clip_g",   "t5xxl",    "populated_text", "string",
                                    "string_a", "string_b", "value",          "prompt"};
// Inputs of nodes that hold a single number or name.
constexpr std::array kValueInputs = {"value", "seed",   "noise_seed", "int",
                                     "float", "number", "string",     "text"};
// Inputs of SamplerCustom and SamplerCustomAdvanced, whose nodes hold what KSampler holds itself.
constexpr std::array kSamplerParts = {"sampler", "sigmas", "noise", "guider"};

class Graph {
 public:
  explicit Graph(const Json& nodes) : nodes_(nodes) {}

  /// The node that an input like ["4", 0] leads to, else null.
  const Json& linked(const Json& input) const {
    static const Json kNull;
    if (!input.is_array() || input.empty()) return kNull;
    const auto name = scalar_text(input[0]);
    return name ? member(nodes_, *name) : kNull;
  }

  /// An input's number or name, or that of the node that it leads to.
  std::optional<std::string> scalar(const Json& input) const {
    const Json* value = &input;
    for (int step = 0; step < kMaxSteps; ++step) {
      if (auto text = scalar_text(*value)) return text;
      const Json& inputs = member(linked(*value), "inputs");
      const auto* key = std::ranges::find_if(
          kValueInputs, [&](const char* name) { return !member(inputs, name).is_null(); });
      if (key == kValueInputs.end()) break;
      value = &member(inputs, *key);
    }
    return std::nullopt;
  }

 private:
  const Json& nodes_;
};

bool is_sampler(const Json& node) {
  const Json& type = member(node, "class_type");
  return type.is_string() &&
         type.get_ref<const std::string&>().find("Sampler") != std::string::npos &&
         !member(member(node, "inputs"), "latent_image").is_null();
}

/// The inputs of a sampler, with those of the nodes that it consists of.
Json sampler_inputs(const Graph& graph, const Json& sampler) {
  Json inputs = member(sampler, "inputs");
  for (const char* part : kSamplerParts) {
    const Json& more = member(graph.linked(member(inputs, part)), "inputs");
    if (more.is_object()) inputs.insert(more.begin(), more.end());  // what is there stays
  }
  return inputs;
}

/// Where a sampler's latents come from.
struct Origin {
  bool is_sampler = false;
  std::optional<std::string> size;
};

Origin find_origin(const Graph& graph, const Json& sampler) {
  constexpr std::array kLatentInputs = {"samples", "latent_image", "latent", "latents"};
  const Json* inputs = &member(sampler, "inputs");
  const char* key = "latent_image";
  for (int step = 0; step < kMaxSteps; ++step) {
    const Json& node = graph.linked(member(*inputs, key));
    if (is_sampler(node)) return {true, std::nullopt};
    inputs = &member(node, "inputs");
    const auto width = graph.scalar(member(*inputs, "width"));
    const auto height = graph.scalar(member(*inputs, "height"));
    if (width && height) return {false, *width + "x" + *height};
    const auto* next = std::ranges::find_if(
        kLatentInputs, [&](const char* name) { return member(*inputs, name).is_array(); });
    if (next == kLatentInputs.end()) break;
    key = *next;
  }
  return {};
}

/// Collects the texts behind a sampler's input for positive or negative.
class TextFinder {
 public:
  explicit TextFinder(const Graph& graph) : graph_(graph) {}

  void follow(const Json& input, int steps = kMaxSteps) {
    const Json& node = graph_.linked(input);
    if (node.is_null() || steps == 0 || !seen_.insert(&node).second) return;
    if (member(node, "class_type") == "ConditioningZeroOut") return;
    const Json& inputs = member(node, "inputs");
    if (take_texts(inputs, steps)) return;
    if (inputs.contains("positive") && inputs.contains("negative")) {  // a node for both
      const bool is_second = input.size() > 1 && input[1] == 1;
      follow(inputs[is_second ? "negative" : "positive"], steps - 1);
      return;
    }
    for (const auto& [key, value] : inputs.items()) {
      if (key.starts_with("conditioning")) follow(value, steps - 1);
    }
  }

  /// Each once, one a line.
  std::string text() const {
    std::string joined;
    for (const std::string& text : texts_) joined += (joined.empty() ? "" : "\n") + text;
    return joined;
  }

 private:
  bool take_texts(const Json& inputs, int steps) {
    bool found = false;
    for (const char* key : kTextInputs) {
      const Json& value = member(inputs, key);
      if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        if (std::ranges::find(texts_, text) == texts_.end()) texts_.push_back(text);
        found = true;
      } else if (value.is_array()) {
        follow(value, steps - 1);
        found = true;
      }
    }
    return found;
  }

  const Graph& graph_;
  std::set<const Json*> seen_;
  std::vector<std::string> texts_;
};

std::string find_text(const Graph& graph, const Json& input) {
  TextFinder finder(graph);
  finder.follow(input);
  return finder.text();
}

struct Models {
  std::optional<std::string> model;
  std::string loras;  ///< "name: 0.8, other: 1"
};

/// The checkpoint behind an input, and the LoRAs on the way.
Models find_models(const Graph& graph, const Json& input) {
  Models models;
  const Json* link = &input;
  for (int step = 0; step < kMaxSteps && !models.model; ++step) {
    const Json& inputs = member(graph.linked(*link), "inputs");
    if (const auto lora = graph.scalar(member(inputs, "lora_name"))) {
      models.loras += (models.loras.empty() ? "" : ", ") + *lora;
      const auto strength = graph.scalar(member(inputs, "strength_model"));
      if (strength) models.loras += ": " + *strength;
    }
    for (const char* key : {"ckpt_name", "unet_name", "model_name"}) {
      if (!models.model) models.model = graph.scalar(member(inputs, key));
    }
    link = &member(inputs, "model");
  }
  return models;
}

/// The VAE that was loaded from a file of its own.
std::optional<std::string> find_vae(const Graph& graph, const Json& nodes) {
  for (const Json& node : nodes) {
    const Json& type = member(node, "class_type");
    if (!type.is_string() || !type.get_ref<const std::string&>().starts_with("VAEDecode")) continue;
    const Json& loader = graph.linked(member(member(node, "inputs"), "vae"));
    if (auto name = graph.scalar(member(member(loader, "inputs"), "vae_name"))) return name;
  }
  return std::nullopt;
}

/// All samplers in the order of their numbers.
std::vector<const Json*> find_samplers(const Json& nodes) {
  std::vector<std::pair<std::string, const Json*>> found;
  for (const auto& [name, node] : nodes.items()) {
    if (is_sampler(node)) found.emplace_back(name, &node);
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return std::pair(a.first.size(), a.first) < std::pair(b.first.size(), b.first);
  });
  std::vector<const Json*> samplers;
  for (const auto& [name, node] : found) samplers.push_back(node);
  return samplers;
}

}  // namespace

std::optional<Infotext> read_comfy_graph(const Json& nodes) {
  const bool is_graph = nodes.is_object() && std::ranges::any_of(nodes, [](const Json& node) {
                          return member(node, "class_type").is_string();
                        });
  if (!is_graph) return std::nullopt;
  Infotext found;
  const Graph graph(nodes);
  const std::vector<const Json*> samplers = find_samplers(nodes);
  if (samplers.empty()) return found;
  const Json* first = samplers[0];
  Origin origin = find_origin(graph, *first);
  for (std::size_t i = 1; i < samplers.size() && origin.is_sampler; ++i) {
    first = samplers[i];
    origin = find_origin(graph, *first);
  }

  const Json inputs = sampler_inputs(graph, *first);
  const auto input = [&](const char* key) { return graph.scalar(member(inputs, key)); };
  const auto add = [&](const char* key, std::optional<std::string> value) {
    if (value && !value->empty()) found.fields.emplace_back(key, *std::move(value));
  };
  const Models models = find_models(graph, member(inputs, "model"));
  found.prompt =
      find_text(graph, member(inputs, inputs.contains("positive") ? "positive" : "conditioning"));
  found.negative_prompt = find_text(graph, member(inputs, "negative"));
  const auto seed = input("seed");
  const auto denoise = input("denoise");
  add("Steps", input("steps"));
  add("Sampler", input("sampler_name"));
  add("Schedule type", input("scheduler"));
  add("CFG scale", input("cfg"));
  add("Seed", seed ? seed : input("noise_seed"));
  add("Size", origin.size);
  add("Model", models.model);
  add("VAE", find_vae(graph, nodes));
  add("Loras", models.loras);
  if (denoise != "1") add("Denoising strength", denoise);
  if (samplers.size() > 1) add("Samplers", std::to_string(samplers.size()));
  return found;
}

}  // namespace sd
