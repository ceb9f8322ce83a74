#include "models/text_parts.h"

#include <utility>

#include "core/check.h"
#include "core/device.h"

namespace sd {
namespace {

void check_tokens(const LargestToken& largest, int64_t vocab_size,
                  const std::filesystem::path& config) {
  SD_CHECK(largest.id < vocab_size, ErrorKind::kModel, largest.source.string(),
           ": token ids should be below 'vocab_size' ", vocab_size, " of ", config.string(),
           ", the largest is ", largest.id);
}

template <typename Part>
Part checked(Part part) {
  check_tokens(part.tokenizer.largest_token(), part.config.vocab_size, part.paths.config);
  return part;
}

}  // namespace

ClipPart make_clip_part(const TextPartFiles& files, ClipTextHead head) {
  return checked(ClipPart{.paths = files.encoder,
                          .config = read_clip_text_config(files.encoder.config),
                          .tokenizer = ClipTokenizer(files.tokenizer),
                          .placement = files.placement,
                          .encoder = Lazy<ClipTextEncoder>([files, head] {
                            WeightStore weights(files.encoder.weights);
                            return load_clip_text_encoder(files.encoder.config, weights,
                                                          files.placement, head);
                          })});
}

T5Part make_t5_part(const TextPartFiles& files, SentencePieceFlavor flavor) {
  return checked(T5Part{.paths = files.encoder,
                        .config = read_t5_config(files.encoder.config),
                        .tokenizer = SentencePieceTokenizer(files.tokenizer, flavor),
                        .placement = files.placement,
                        .encoder = Lazy<T5Encoder>([files] {
                          WeightStore weights(files.encoder.weights);
                          return load_t5_encoder(files.encoder.config, weights, files.placement);
                        })});
}

BertPart make_bert_part(const TextPartFiles& files, WordPieceFlavor flavor) {
  return checked(BertPart{.paths = files.encoder,
                          .config = read_bert_config(files.encoder.config),
                          .tokenizer = WordPieceTokenizer(files.tokenizer, flavor),
                          .placement = files.placement,
                          .encoder = Lazy<BertEncoder>([files] {
                            WeightStore weights(files.encoder.weights);
                            return load_bert_encoder(files.encoder.config, weights,
                                                     files.placement);
                          })});
}

Placement t5_placement(const LoadOptions& options, const Placement& placement) {
  return options.t5_dtype.empty()
             ? placement
             : resolve_placement(options.device, options.t5_dtype, "--t5-dtype");
}

void warn_of_cut(const TokenizedPrompt& tokens, int64_t length, const std::string& encoder,
                 Observer& observer) {
  if (tokens.truncated_text.empty()) return;
  observer.on_warning(concat_text("the prompt is longer than the ", length, " tokens of the ",
                                  encoder, "; this was cut: \"", tokens.truncated_text, "\""));
}

}  // namespace sd
