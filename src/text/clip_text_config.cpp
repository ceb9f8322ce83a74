#include "core/check.h"
#include "core/config_reader.h"
#include "text/clip_text_model.h"
#include "text/transformers_config.h"

namespace sd {
namespace {

int64_t get_size(ConfigReader& reader, const std::string& key, int64_t fallback) {
  const int64_t value = reader.get_int(key, fallback);
  SD_CHECK(value > 0, ErrorKind::kModel, reader.name(), ": '", key, "' should be above 0, found ",
           value);
  return value;
}

void check_type(ConfigReader& reader) {
  const std::string type = reader.get_string("model_type", "clip_text_model");
  SD_CHECK(type == "clip_text_model", ErrorKind::kModel, reader.name(),
           ": 'model_type' should be clip_text_model, found ", type);
  SD_CHECK(!reader.get_bool("use_attention_mask", false), ErrorKind::kModel, reader.name(),
           ": 'use_attention_mask' is not supported");
}

}  // namespace

ClipTextConfig read_clip_text_config(const std::filesystem::path& config_path) {
  ConfigReader reader = ConfigReader::from_file(config_path);
  check_type(reader);
  ClipTextConfig config;
  config.vocab_size = get_size(reader, "vocab_size", config.vocab_size);
  config.hidden_size = get_size(reader, "hidden_size", config.hidden_size);
  config.intermediate_size = get_size(reader, "intermediate_size", config.intermediate_size);
  config.projection_dim = get_size(reader, "projection_dim", config.projection_dim);
  config.layers = get_size(reader, "num_hidden_layers", config.layers);
  config.heads = get_size(reader, "num_attention_heads", config.heads);
  config.max_positions = get_size(reader, "max_position_embeddings", config.max_positions);
  config.activation =
      parse_activation(reader.get_string("hidden_act", "quick_gelu"), reader.name());
  config.layer_norm_eps = reader.get_double("layer_norm_eps", config.layer_norm_eps);
  config.eos_token_id = reader.get_int("eos_token_id", config.eos_token_id);
  SD_CHECK(config.hidden_size % config.heads == 0, ErrorKind::kModel, reader.name(),
           ": 'hidden_size' ", config.hidden_size, " is no multiple of 'num_attention_heads' ",
           config.heads);
  reader.ignore({"bos_token_id", "pad_token_id"});
  ignore_transformers_keys(reader);
  reader.finish();
  return config;
}

}  // namespace sd
