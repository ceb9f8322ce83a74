#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "io/safetensors_writer.h"
#include "models/family.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace sd::testing {

/// A Stable Diffusion folder without networks: enough for everything that is read before them.
class TinyModel : public TemporaryFolder {
 public:
  TinyModel() {
    write("model_index.json", R"({"_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})");
    write("scheduler/scheduler_config.json", R"({"_class_name": "PNDMScheduler"})");
    write("text_encoder/config.json", R"({"hidden_size": 6, "num_attention_heads": 2,
        "num_hidden_layers": 1, "vocab_size": 8})");
    write("tokenizer/vocab.json", R"({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4,
        "<|startoftext|>": 5, "<|endoftext|>": 6, "aa": 7})");
    write("tokenizer/merges.txt", "#version: 0.2\na b</w>\na a\n");
    write("unet/config.json", read_text(data_path("unet/sd1.json")));
    write("vae/config.json", read_text(data_path("vae/sd.json")));
    for (const char* weights : {kText, kUNet, kVae}) write_weights(weights, {1.0F});
  }

  static constexpr const char* kText = "text_encoder/model.safetensors";
  static constexpr const char* kUNet = "unet/diffusion_pytorch_model.safetensors";
  static constexpr const char* kVae = "vae/diffusion_pytorch_model.safetensors";

  /// A safetensors file with the tensor "w" alone.
  void write_weights(const std::string& file, const std::vector<float>& values) const {
    const TensorBytes tensor{
        "F32", {static_cast<int64_t>(values.size())}, std::as_bytes(std::span(values))};
    write_safetensors(path() / file, {{"w", tensor}}, {}, OnExist::kOverwrite);
  }

  /// Gives keys of a config new values; null takes one away.
  void change(const std::string& file, const nlohmann::json& keys) const {
    auto config = nlohmann::json::parse(read_text(path() / file));
    config.merge_patch(keys);
    write(file, config.dump());
  }

  std::unique_ptr<Family> load(Observer& observer, const std::string& variant = "",
                               LoadOptions options = {}) const {
    options.model = path().string();
    options.variant = variant;
    options.low_memory = true;  // networks are built when they are first asked for
    return load_family(options, {}, observer);
  }
};

}  // namespace sd::testing
