#include "text/transformers_config.h"

namespace sd {

void ignore_transformers_keys(ConfigReader& reader) {
  // Provenance, type of the file's weights.
  reader.ignore({"architectures", "dtype", "name_or_path", "torch_dtype", "transformers_version"});
  // Training and initialisation.
  reader.ignore({"attention_dropout", "dropout", "gradient_checkpointing", "initializer_factor",
                 "initializer_range", "tf_legacy_loss", "torchscript", "use_bfloat16"});
  // What forward returns, and how it is chunked or cached.
  reader.ignore({"chunk_size_feed_forward", "output_attentions", "output_hidden_states",
                 "return_dict", "use_cache"});
  // Decoders and heads of other tasks.
  reader.ignore({"add_cross_attention", "cross_attention_hidden_size", "decoder_start_token_id",
                 "finetuning_task", "id2label", "is_decoder", "is_encoder_decoder", "label2id",
                 "num_labels", "prefix", "problem_type", "sep_token_id", "task_specific_params",
                 "tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class"});
  // Generation.
  reader.ignore({"bad_words_ids",
                 "begin_suppress_tokens",
                 "diversity_penalty",
                 "do_sample",
                 "early_stopping",
                 "encoder_no_repeat_ngram_size",
                 "exponential_decay_length_penalty",
                 "forced_bos_token_id",
                 "forced_eos_token_id",
                 "length_penalty",
                 "max_length",
                 "min_length",
                 "no_repeat_ngram_size",
                 "num_beam_groups",
                 "num_beams",
                 "num_return_sequences",
                 "output_scores",
                 "remove_invalid_values",
                 "repetition_penalty",
                 "return_dict_in_generate",
                 "suppress_tokens",
                 "temperature",
                 "top_k",
                 "top_p",
                 "typical_p"});
}

}  // namespace sd
