#include "io/invoke_metadata.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "io/foreign_json.h"

namespace sd {
namespace {

using Json = nlohmann::json;

/// Fields from keys of one object.
class Fields {
 public:
  Fields(Infotext& text, const Json& object) : text_(text), object_(object) {}

  void add(const char* name, const std::optional<std::string>& value) {
    if (value && !value->empty()) text_.fields.emplace_back(name, *value);
  }
  void take(const char* name, const char* key) { add(name, scalar_text(member(object_, key))); }
  /// A number; 0 stands for nothing and is left out.
  void take_unless_zero(const char* name, const char* key, int added = 0) {
    const Json& number = member(object_, key);
    if (!number.is_number() || number == 0) return;
    add(name, scalar_text(added == 0 || !number.is_number_integer()
                              ? number
                              : Json(number.get<std::int64_t>() + added)));
  }
  void take_size() {
    const auto width = scalar_text(member(object_, "width"));
    const auto height = scalar_text(member(object_, "height"));
    if (width && height) add("Size", *width + "x" + *height);
  }

 private:
  Infotext& text_;
  const Json& object_;
};

/// The name of a model: a text, or an object with it.
std::optional<std::string> model_name(const Json& model) {
  if (auto name = scalar_text(model)) return name;
  auto name = scalar_text(member(model, "name"));
  return name ? name : scalar_text(member(model, "model_name"));
}

/// "name: 0.8, other: 1"
std::string lora_list(const Json& loras) {
  std::string list;
  if (!loras.is_array()) return list;
  for (const Json& lora : loras) {
    const Json& model = member(lora, "model");
    const auto name = model_name(model.is_null() ? member(lora, "lora") : model);
    if (!name) continue;
    list += (list.empty() ? "" : ", ") + *name;
    if (const auto weight = scalar_text(member(lora, "weight"))) list += ": " + *weight;
  }
  return list;
}

/// Moves what stands in brackets to the negative prompt and leaves single spaces, as InvokeAI does.
void split_brackets(const std::string& both, Infotext& text) {
  std::string_view rest = both;
  for (std::size_t open = rest.find('['); open != rest.npos; open = rest.find('[')) {
    const std::size_t close = rest.find(']', open);
    if (close == rest.npos) break;
    text.prompt += rest.substr(0, open);
    text.prompt += ' ';
    if (!text.negative_prompt.empty()) text.negative_prompt += ' ';
    text.negative_prompt += rest.substr(open + 1, close - open - 1);
    rest.remove_prefix(close + 1);
  }
  text.prompt += rest;
  const auto are_spaces = [](char a, char b) { return a == ' ' && b == ' '; };
  text.prompt.erase(std::unique(text.prompt.begin(), text.prompt.end(), are_spaces),
                    text.prompt.end());
  text.prompt.resize(text.prompt.find_last_not_of(' ') + 1);
}

/// A text, or a list of texts with weights.
std::string join_prompts(const Json& prompts) {
  if (prompts.is_string()) return prompts.get<std::string>();
  std::string joined;
  if (!prompts.is_array()) return joined;
  for (const Json& part : prompts) {
    const auto text = scalar_text(member(part, "prompt"));
    if (text) joined += (joined.empty() ? "" : "\n") + *text;
  }
  return joined;
}

}  // namespace

Infotext read_invoke_metadata(const Json& metadata) {
  Infotext text;
  text.prompt = scalar_text(member(metadata, "positive_prompt")).value_or("");
  text.negative_prompt = scalar_text(member(metadata, "negative_prompt")).value_or("");
  Fields fields(text, metadata);
  fields.take("Steps", "steps");
  fields.take("Sampler", "scheduler");
  fields.take("CFG scale", "cfg_scale");
  fields.take("Seed", "seed");
  fields.take_size();
  fields.add("Model", model_name(member(metadata, "model")));
  fields.add("VAE", model_name(member(metadata, "vae")));
  fields.add("Loras", lora_list(member(metadata, "loras")));
  fields.take("Denoising strength", "strength");
  fields.take_unless_zero("Clip skip", "clip_skip", 1);  // A1111 counts from 1
  fields.take("RNG", "rand_device");
  fields.take_unless_zero("Guidance rescale", "cfg_rescale_multiplier");
  fields.take("Version", "app_version");
  return text;
}

Infotext read_old_invoke_metadata(const Json& metadata) {
  const Json& image = member(metadata, "image");
  Infotext text;
  split_brackets(join_prompts(member(image, "prompt")), text);
  Fields of_image(text, image);
  of_image.take("Steps", "steps");
  of_image.take("Sampler", "sampler");
  of_image.take("CFG scale", "cfg_scale");
  of_image.take("Seed", "seed");
  of_image.take_size();
  Fields of_all(text, metadata);
  of_all.take("Model", "model_weights");
  of_image.take("Denoising strength", "strength");
  of_all.take("Version", "app_version");
  return text;
}

}  // namespace sd
