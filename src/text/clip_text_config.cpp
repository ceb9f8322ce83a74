#include "core/check.h"
#include "core/config_limits.h"
#include "text/clip_text_model.h"
#include "text/transformers_config.h"

namespace sd {
namespace {

void check_type(ConfigReader& reader) {
  const std::string type = reader.get_string("model_type", "clip_text_model");
  SD_CHECK(type == "clip_text_model", ErrorKind::kModel, reader.name(),
           ": 'model_type' should be clip_text_model, found ", type);
  SD_CHECK(!reader.get_bool("use_attention_mask", false), ErrorKind::kModel, reader.name(),
           ": 'use_attention_mask' is not supported");
}

}  // namespace

ClipTextConfig read_clip_text_config(const std::filesystem::path& config_path) {
  return read_clip_text_config(ConfigReader::from_file(config_path));
}

ClipTextConfig read_clip_text_config(ConfigReader reader) {
  check_type(reader);
  ClipTextConfig config;
  config.vocab_size = reader.get_int("vocab_size", config.vocab_size, kVocabularyRange);
  config.hidden_size = reader.get_int("hidden_size", config.hidden_size, kWidthRange);
  config.intermediate_size =
      reader.get_int("intermediate_size", config.intermediate_size, kWidthRange);
  config.projection_dim = reader.get_int("projection_dim", config.projection_dim, kWidthRange);
  config.layers = reader.get_int("num_hidden_layers", config.layers, kLayersRange);
  config.heads = reader.get_int("num_attention_heads", config.heads, kHeadsRange);
  config.max_positions =
      reader.get_int("max_position_embeddings", config.max_positions, kPositionsRange);
  config.activation =
      parse_activation(reader.get_string("hidden_act", "quick_gelu"), reader.name());
  config.layer_norm_eps = reader.get_double("layer_norm_eps", config.layer_norm_eps, kPartRange);
  config.eos_token_id = reader.get_int("eos_token_id", config.eos_token_id, kTokenRange);
  SD_CHECK(config.hidden_size % config.heads == 0, ErrorKind::kModel, reader.name(),
           ": 'hidden_size' ", config.hidden_size, " is no multiple of 'num_attention_heads' ",
           config.heads);
  reader.ignore({"bos_token_id", "pad_token_id"});
  ignore_transformers_keys(reader);
  reader.finish();
  return config;
}

}  // namespace sd
