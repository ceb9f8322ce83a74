#pragma once

#include <filesystem>
#include <string>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "models/lazy.h"
#include "models/model_folder.h"
#include "text/bert_encoder.h"
#include "text/clip_text_model.h"
#include "text/clip_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/t5_encoder.h"
#include "text/wordpiece_tokenizer.h"

namespace sd {

/// A text encoder with its tokenizer.
template <typename Config, typename Tokenizer, typename Encoder>
struct TextPart {
  ComponentPaths paths;
  Config config;
  Tokenizer tokenizer;
  Placement placement;
  Lazy<Encoder> encoder;
};

using ClipPart = TextPart<ClipTextConfig, ClipTokenizer, ClipTextEncoder>;
using T5Part = TextPart<T5Config, SentencePieceTokenizer, T5Encoder>;
using BertPart = TextPart<BertConfig, WordPieceTokenizer, BertEncoder>;

/// What `make_…_part` are told: the encoder's files, the tokenizer's folder and where it computes.
struct TextPartFiles {
  ComponentPaths encoder;
  std::filesystem::path tokenizer;
  Placement placement;
};

/// Read config and tokenizer; the weights are read at first use. Errors: kModel, also for a
/// tokenizer with ids that the encoder does not have.
ClipPart make_clip_part(const TextPartFiles& files, ClipTextHead head);
T5Part make_t5_part(const TextPartFiles& files, SentencePieceFlavor flavor);
BertPart make_bert_part(const TextPartFiles& files, WordPieceFlavor flavor);

/// Where T5 computes: LoadOptions::t5_dtype, else as all else. Errors: kUsage.
Placement t5_placement(const LoadOptions& options, const Placement& placement);

/// Tells of what did not fit into the `length` tokens of "CLIP text encoder", say.
void warn_of_cut(const TokenizedPrompt& tokens, int64_t length, const std::string& encoder,
                 Observer& observer);

}  // namespace sd
