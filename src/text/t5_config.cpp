#include "core/check.h"
#include "core/config_limits.h"
#include "text/t5_encoder.h"
#include "text/transformers_config.h"

namespace sd {
namespace {

constexpr IntRange kBucketsRange{4, 1 << 12};  ///< T5 32
constexpr IntRange kDistanceRange{2, 1 << 20};

/// `feed_forward_proj` is "ACTIVATION" or "gated-ACTIVATION"; `is_gated_act` and `dense_act_fn`,
/// which transformers derives from it and writes too, go before it.
void read_feed_forward(ConfigReader& reader, T5Config& config) {
  const std::string form = reader.get_string("feed_forward_proj", "relu");
  constexpr std::string_view kGated = "gated-";
  const bool gated = form.starts_with(kGated);
  std::string name = gated ? form.substr(kGated.size()) : form;
  SD_CHECK(!name.empty() && name.find('-') == std::string::npos, ErrorKind::kModel, reader.name(),
           ": 'feed_forward_proj' should be an activation or 'gated-' and an activation, found '",
           form, "'");
  if (form == "gated-gelu") name = "gelu_new";
  config.feed_forward = reader.get_bool("is_gated_act", gated) ? T5Config::FeedForward::kGated
                                                               : T5Config::FeedForward::kPlain;
  config.activation = parse_activation(reader.get_string("dense_act_fn", name), reader.name());
}

}  // namespace

T5Config read_t5_config(const std::filesystem::path& config_path) {
  return read_t5_config(ConfigReader::from_file(config_path));
}

T5Config read_t5_config(ConfigReader reader) {
  const std::string type = reader.get_string("model_type", "t5");
  SD_CHECK(type == "t5" || type == "mt5", ErrorKind::kModel, reader.name(),
           ": 'model_type' should be t5 or mt5, found ", type);
  SD_CHECK(!reader.get_bool("is_decoder", false), ErrorKind::kModel, reader.name(),
           ": 'is_decoder' should be false for a text encoder, found true");
  T5Config config;
  config.vocab_size = reader.get_int("vocab_size", config.vocab_size, kVocabularyRange);
  config.d_model = reader.get_int("d_model", config.d_model, kWidthRange);
  config.d_kv = reader.get_int("d_kv", config.d_kv, kWidthRange);
  config.d_ff = reader.get_int("d_ff", config.d_ff, kWidthRange);
  config.layers = reader.get_int("num_layers", config.layers, kLayersRange);
  config.heads = reader.get_int("num_heads", config.heads, kHeadsRange);
  config.buckets = reader.get_int("relative_attention_num_buckets", config.buckets, kBucketsRange);
  config.max_distance =
      reader.get_int("relative_attention_max_distance", config.max_distance, kDistanceRange);
  config.layer_norm_epsilon =
      reader.get_double("layer_norm_epsilon", config.layer_norm_epsilon, kPartRange);
  read_feed_forward(reader, config);
  // A quarter of the buckets are for one position each; the others grow up to the distance.
  SD_CHECK(config.max_distance > config.buckets / 4, ErrorKind::kModel, reader.name(),
           ": 'relative_attention_max_distance' should be over a quarter of "
           "'relative_attention_num_buckets' ",
           config.buckets, ", found ", config.max_distance);
  // The decoder's depth, training, and what T5 1.0 says of the length it was trained on.
  reader.ignore({"classifier_dropout", "dropout_rate", "n_positions", "num_decoder_layers"});
  reader.ignore({"bos_token_id", "eos_token_id", "output_past", "pad_token_id"});
  ignore_transformers_keys(reader);
  reader.finish();
  return config;
}

}  // namespace sd
