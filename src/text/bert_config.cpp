#include "core/check.h"
#include "core/config_limits.h"
#include "text/bert_encoder.h"
#include "text/transformers_config.h"

namespace sd {
namespace {

constexpr IntRange kTokenTypesRange{1, 1 << 10};  ///< BERT 2

void check_type(ConfigReader& reader) {
  const std::string type = reader.get_string("model_type", "bert");
  SD_CHECK(type == "bert", ErrorKind::kModel, reader.name(),
           ": 'model_type' should be bert, found ", type);
  SD_CHECK(!reader.get_bool("is_decoder", false), ErrorKind::kModel, reader.name(),
           ": 'is_decoder' should be false for a text encoder, found true");
  const std::string positions = reader.get_string("position_embedding_type", "absolute");
  SD_CHECK(positions == "absolute", ErrorKind::kModel, reader.name(),
           ": 'position_embedding_type' should be absolute, found ", positions);
}

}  // namespace

BertConfig read_bert_config(const std::filesystem::path& config_path) {
  return read_bert_config(ConfigReader::from_file(config_path));
}

BertConfig read_bert_config(ConfigReader reader) {
  check_type(reader);
  BertConfig config;
  config.vocab_size = reader.get_int("vocab_size", config.vocab_size, kVocabularyRange);
  config.hidden_size = reader.get_int("hidden_size", config.hidden_size, kWidthRange);
  config.intermediate_size =
      reader.get_int("intermediate_size", config.intermediate_size, kWidthRange);
  config.layers = reader.get_int("num_hidden_layers", config.layers, kLayersRange);
  config.heads = reader.get_int("num_attention_heads", config.heads, kHeadsRange);
  config.max_positions =
      reader.get_int("max_position_embeddings", config.max_positions, kPositionsRange);
  config.token_types = reader.get_int("type_vocab_size", config.token_types, kTokenTypesRange);
  config.activation = parse_activation(reader.get_string("hidden_act", "gelu"), reader.name());
  config.layer_norm_eps = reader.get_double("layer_norm_eps", config.layer_norm_eps, kPartRange);
  SD_CHECK(config.hidden_size % config.heads == 0, ErrorKind::kModel, reader.name(),
           ": 'hidden_size' ", config.hidden_size, " is no multiple of 'num_attention_heads' ",
           config.heads);
  // Training, and the pooler as Google's files describe it.
  reader.ignore({"attention_probs_dropout_prob", "classifier_dropout", "hidden_dropout_prob",
                 "directionality", "pooler_fc_size", "pooler_num_attention_heads",
                 "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"});
  reader.ignore({"bos_token_id", "eos_token_id", "output_past", "pad_token_id"});
  ignore_transformers_keys(reader);
  reader.finish();
  return config;
}

}  // namespace sd
