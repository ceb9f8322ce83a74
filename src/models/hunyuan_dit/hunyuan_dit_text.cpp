#include "models/hunyuan_dit/hunyuan_dit_text.h"

#include <utility>

#include "core/check.h"
#include "core/stop.h"
#include "core/tensor_ops.h"
#include "models/weight_bytes.h"

namespace sd {
namespace {

void check_width(const std::filesystem::path& config, const char* key, int64_t found,
                 int64_t expected, const char* transformers_key) {
  SD_CHECK(found == expected, ErrorKind::kModel, config.string(), ": '", key, "' should be the '",
           transformers_key, "' ", expected, " of the transformer, found ", found);
}

/// 1 for tokens, 0 for padding [1, length], int64.
at::Tensor mask_of(const TokenizedPrompt& tokens, int64_t length) {
  at::Tensor mask = at::zeros({1, length}, at::kLong);
  mask.narrow(1, 0, tokens.token_count).fill_(1);
  return mask;
}

/// Runs `encode` on ids and mask [n, T] of some prompts at a time -> states [all, T, D]
template <typename Encode>
at::Tensor encode_rows(const std::vector<TokenizedPrompt>& prompts, int64_t length,
                       const Placement& placement, Observer& observer, const Encode& encode) {
  std::vector<at::Tensor> rows;  // [1, 2, T]: ids, mask
  for (const TokenizedPrompt& tokens : prompts) {
    rows.push_back(
        at::stack({at::tensor(tokens.ids, at::kLong).unsqueeze(0), mask_of(tokens, length)}, 1));
  }
  std::vector<at::Tensor> states;
  for (const std::vector<at::Tensor>& some : in_batches(rows, placement)) {
    check_not_stopped(observer);
    const at::Tensor both = at::cat(some);
    states.push_back(encode(both.select(1, 0).contiguous(), both.select(1, 1).contiguous()));
  }
  return at::cat(states);
}

at::Tensor masks_of(const std::vector<TokenizedPrompt>& prompts, int64_t length) {
  std::vector<at::Tensor> masks;
  for (const TokenizedPrompt& tokens : prompts) masks.push_back(mask_of(tokens, length));
  return at::cat(masks).to(at::kBool);
}

void warn_of_unknown(const TokenizedPrompt& tokens, Observer& observer) {
  if (tokens.unknown_words.empty()) return;
  std::string words;
  for (const std::string& word : tokens.unknown_words) words += (words.empty() ? "" : " ") + word;
  observer.on_warning(concat_text("the vocabulary of the BERT text encoder lacks: \"", words,
                                  "\"; it reads [UNK] in their place"));
}

}  // namespace

HunyuanDitText::HunyuanDitText(BertPart bert, T5Part t5, const HunyuanDitConfig& config,
                               const LoadOptions& options, const Placement& placement)
    : placement_(placement),
      releases_(options.low_memory),
      bert_length_(config.text_length),
      t5_length_(config.t5_length),
      bert_(std::move(bert)),
      t5_(std::move(t5)) {
  check_width(bert_.paths.config, "hidden_size", bert_.config.hidden_size, config.text_width,
              "cross_attention_dim");
  check_width(t5_.paths.config, "d_model", t5_.config.d_model, config.t5_width,
              "cross_attention_dim_t5");
  SD_CHECK(bert_length_ <= bert_.config.max_positions, ErrorKind::kModel,
           bert_.paths.config.string(), ": 'max_position_embeddings' should be at least the ",
           "'text_len' ", bert_length_, " of the transformer, found ", bert_.config.max_positions);
}

std::vector<HunyuanDitText::Prompt> HunyuanDitText::prompts_of(const std::vector<Request>& batch,
                                                               Guidance guidance) {
  std::vector<Prompt> prompts;
  if (guidance == Guidance::kOn) {
    for (const Request& request : batch) prompts.push_back({request.negative_prompt});
  }
  for (const Request& request : batch) prompts.push_back({request.prompt});
  return prompts;
}

HunyuanDitText::Encoded HunyuanDitText::encode_bert(const std::vector<Prompt>& prompts,
                                                    Observer& observer) {
  std::vector<TokenizedPrompt> tokens;
  for (const Prompt& prompt : prompts) {
    tokens.push_back(bert_.tokenizer.tokenize(prompt.text, bert_length_));
    warn_of_cut(tokens.back(), bert_length_, "BERT text encoder", observer);
    warn_of_unknown(tokens.back(), observer);
  }
  const auto encode = [&](const at::Tensor& ids, const at::Tensor& mask) {
    return bert_.encoder.get().encode(ids, mask);
  };
  Encoded encoded{encode_rows(tokens, bert_length_, bert_.placement, observer, encode),
                  masks_of(tokens, bert_length_)};
  if (releases_) bert_.encoder.release();
  return encoded;
}

HunyuanDitText::Encoded HunyuanDitText::encode_t5(const std::vector<Prompt>& prompts,
                                                  Observer& observer) {
  std::vector<TokenizedPrompt> tokens;
  for (const Prompt& prompt : prompts) {
    tokens.push_back(t5_.tokenizer.tokenize(prompt.text, t5_length_));
    warn_of_cut(tokens.back(), t5_length_, "mT5 text encoder", observer);
  }
  const auto encode = [&](const at::Tensor& ids, const at::Tensor& mask) {
    return t5_.encoder.get().encode(ids, mask);
  };
  Encoded encoded{encode_rows(tokens, t5_length_, t5_.placement, observer, encode),
                  masks_of(tokens, t5_length_)};
  if (releases_) t5_.encoder.release();
  return encoded;
}

std::vector<std::vector<at::Tensor>> HunyuanDitText::encode_together(
    const std::vector<Prompt>& prompts, Observer& observer) {
  const Encoded bert = encode_bert(prompts, observer);
  const Encoded t5 = encode_t5(prompts, observer);
  const at::Tensor all[] = {
      bert.states.to(placement_.device, placement_.dtype), bert.mask.to(placement_.device),
      t5.states.to(placement_.device, placement_.dtype), t5.mask.to(placement_.device)};
  std::vector<std::vector<at::Tensor>> states(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {  // clones, because views would keep all rows
    for (const at::Tensor& kind : all) {
      states[i].push_back(kind.narrow(0, static_cast<int64_t>(i), 1).clone());
    }
  }
  return states;
}

Conditioning HunyuanDitText::encode(const std::vector<Request>& batch, Guidance guidance,
                                    Observer& observer) {
  const std::vector<at::Tensor> rows = book_.rows(
      prompts_of(batch, guidance),
      [&](const std::vector<Prompt>& prompts) { return encode_together(prompts, observer); });
  Conditioning conditioning;
  conditioning.text = rows[0];
  conditioning.text_mask = rows[1];
  conditioning.t5 = rows[2];
  conditioning.t5_mask = rows[3];
  return conditioning;
}

void HunyuanDitText::encode_ahead(const std::vector<Request>& batch, double default_scale,
                                  Observer& observer) {
  book_.find(
      prompts_ahead(batch, default_scale, prompts_of),
      [&](const std::vector<Prompt>& prompts) { return encode_together(prompts, observer); });
}

void HunyuanDitText::load() {
  bert_.encoder.get();
  t5_.encoder.get();
}

void HunyuanDitText::release() {
  bert_.encoder.release();
  t5_.encoder.release();
}

double HunyuanDitText::weight_bytes() const {
  return sd::weight_bytes(WeightStore(bert_.paths.weights), bert_.placement) +
         sd::weight_bytes(WeightStore(t5_.paths.weights), t5_.placement);
}

}  // namespace sd
