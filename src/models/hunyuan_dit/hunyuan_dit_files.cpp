#include "models/hunyuan_dit/hunyuan_dit_files.h"

#include <string>

#include "models/folder_scheduler.h"
#include "models/hunyuan_dit/tencent_files.h"

namespace sd {

HunyuanDitFiles find_hunyuan_dit_files(const ModelFolder& folder, const LoadOptions& options,
                                       Observer& observer) {
  if (folder.layout == FolderLayout::kTencent) return find_tencent_files(folder, options);
  const WeightFileName encoder{"model", options.variant};
  const auto is_fast = [&](const char* tokenizer) {
    return folder.components.at(tokenizer).ends_with("Fast");
  };
  const auto bert_tokenizer =
      component_folder(folder, "tokenizer", {"BertTokenizer", "BertTokenizerFast"});
  const auto t5_tokenizer =
      component_folder(folder, "tokenizer_2",
                       {"T5Tokenizer", "T5TokenizerFast", "MT5Tokenizer", "MT5TokenizerFast"});
  const ComponentPaths transformer =
      find_diffusers_part(folder, {"transformer", "HunyuanDiT2DModel"}, options, observer);
  return {
      .transformer = transformer,
      .config = read_hunyuan_dit_config(transformer.config),
      .bert = find_component(folder, "text_encoder", {"BertModel"}, encoder, observer),
      .bert_tokenizer = bert_tokenizer,
      .bert_flavor = is_fast("tokenizer") ? WordPieceFlavor::kFast : WordPieceFlavor::kSlow,
      .t5 = find_component(folder, "text_encoder_2", {"T5EncoderModel", "MT5EncoderModel"}, encoder,
                           observer),
      .t5_tokenizer = t5_tokenizer,
      .t5_flavor = is_fast("tokenizer_2") ? SentencePieceFlavor::kFast : SentencePieceFlavor::kSlow,
      .vae = find_diffusers_part(folder, {"vae", "AutoencoderKL"}, options, observer),
      .scheduler = load_folder_scheduler(folder, observer)};
}

WeightStore open_transformer(const HunyuanDitFiles& files) {
  return files.layout == FolderLayout::kTencent
             ? open_tencent_transformer(files.transformer.weights)
             : WeightStore(files.transformer.weights);
}

}  // namespace sd
