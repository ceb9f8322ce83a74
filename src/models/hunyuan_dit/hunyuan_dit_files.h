#pragma once

#include <filesystem>

#include "sd/pipeline.h"

#include "diffusion/scheduler_config.h"
#include "io/weight_store.h"
#include "models/hunyuan_dit/hunyuan_dit_config.h"
#include "models/model_folder.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace sd {

/// Where the parts of a HunyuanDiT lie, and what its small files say.
struct HunyuanDitFiles {
  FolderLayout layout = FolderLayout::kDiffusers;
  ComponentPaths transformer;
  HunyuanDitConfig config;
  ComponentPaths bert;
  std::filesystem::path bert_tokenizer;
  WordPieceFlavor bert_flavor = WordPieceFlavor::kSlow;
  ComponentPaths t5;
  std::filesystem::path t5_tokenizer;
  SentencePieceFlavor t5_flavor = SentencePieceFlavor::kSlow;
  ComponentPaths vae;
  SchedulerConfig scheduler;
};

/// Those of a diffusers folder, or of one in Tencent's layout. Errors: kModel.
HunyuanDitFiles find_hunyuan_dit_files(const ModelFolder& folder, const LoadOptions& options,
                                       Observer& observer);

/// The transformer's tensors by diffusers' names. Errors: kModel.
WeightStore open_transformer(const HunyuanDitFiles& files);

}  // namespace sd
