#include "vae/autoencoder_kl.h"

#include "core/check.h"
#include "vae/autoencoder_kl_network.h"
#include "vae/tiling.h"

namespace sd {
namespace {

VaeStackShape encoder_shape(const AutoencoderKlConfig& config) {
  return {config.in_channels,
          2 * config.latent_channels,
          config.block_out_channels,
          config.layers_per_block,
          config.norm_groups,
          config.activation,
          config.mid_block_add_attention ? MidAttention::kYes : MidAttention::kNo};
}

VaeStackShape decoder_shape(const AutoencoderKlConfig& config) {
  VaeStackShape shape = encoder_shape(config);
  shape.in_channels = config.latent_channels;
  shape.out_channels = config.out_channels;
  shape.layers = config.layers_per_block + 1;
  return shape;
}

ConvShape pointwise(int64_t channels) {
  return {.in_channels = channels, .out_channels = channels, .kernel = 1, .padding = 0};
}

/// One number for each latent channel, to be multiplied with [B, C, h, w].
at::Tensor by_channel(const std::vector<double>& values, const at::Tensor& latents) {
  return at::tensor(values).to(latents.options()).view({1, -1, 1, 1});
}

/// Applies `run` to the rows of a batch one by one, or to all at once.
template <typename Run>
at::Tensor in_slices(const at::Tensor& batch, bool slicing, Run run) {
  // On the CPU oneDNN and group_norm share work out by the size of the batch, which changes the
  // last bits of an image; and there a batch is no faster.
  if (batch.size(0) <= 1 || !(slicing || batch.is_cpu())) return run(batch);
  std::vector<at::Tensor> rows;
  for (const at::Tensor& row : batch.split(1)) rows.push_back(run(row));
  return at::cat(rows);
}

/// Tiles that overlap by a quarter, of `input_tile` cells in and `output_tile` cells out.
TileGrid quarter_overlap(int64_t input_tile, int64_t output_tile) {
  const int64_t blend = output_tile / 4;
  return {input_tile, input_tile * 3 / 4, blend, output_tile - blend};
}

bool larger_than(const at::Tensor& x, int64_t tile) { return x.size(2) > tile || x.size(3) > tile; }

/// Attention names of diffusers up to 0.18 -> today's
/// (diffusers `ModelMixin._fix_state_dict_keys_on_load`).
std::string current_name(const std::string& key) {
  static const std::vector<std::pair<std::string, std::string>> kNames = {
      {".query.", ".to_q."},
      {".key.", ".to_k."},
      {".value.", ".to_v."},
      {".proj_attn.", ".to_out.0."}};
  if (key.find(".attentions.") == std::string::npos) return key;
  for (const auto& [old_part, new_part] : kNames) {
    const size_t at = key.find(old_part);
    if (at != std::string::npos) return std::string(key).replace(at, old_part.size(), new_part);
  }
  return key;
}

}  // namespace

AutoencoderKl::Network::Network(const Weights& w, const AutoencoderKlConfig& config)
    : encoder_(make_child<VaeEncoder>(this, w, "encoder", encoder_shape(config))),
      decoder_(make_child<VaeDecoder>(this, w, "decoder", decoder_shape(config))) {
  if (config.use_quant_conv) {
    quant_conv_ = make_child<Conv2d>(this, w, "quant_conv", pointwise(2 * config.latent_channels));
  }
  if (config.use_post_quant_conv) {
    post_quant_conv_ =
        make_child<Conv2d>(this, w, "post_quant_conv", pointwise(config.latent_channels));
  }
}

at::Tensor AutoencoderKl::Network::encode(const at::Tensor& image) const {
  const at::Tensor moments = encoder_->forward(image);
  return quant_conv_ ? quant_conv_->forward(moments) : moments;
}

at::Tensor AutoencoderKl::Network::decode(const at::Tensor& latents) const {
  return decoder_->forward(post_quant_conv_ ? post_quant_conv_->forward(latents) : latents);
}

AutoencoderKl::AutoencoderKl(AutoencoderKlConfig config, std::shared_ptr<Network> network,
                             const Placement& placement)
    : config_(std::move(config)), network_(std::move(network)), placement_(placement) {}

void AutoencoderKl::set_memory(const VaeMemory& memory) {
  const int64_t cells = config_.sample_size / config_.scale_factor();
  SD_CHECK(!memory.tiling || cells >= 2, ErrorKind::kModel,
           "Tiling needs a 'sample_size' of at least ", 2 * config_.scale_factor(),
           " in the config of the autoencoder, found ", config_.sample_size);
  memory_ = memory;
}

Posterior AutoencoderKl::encode(const at::Tensor& image) const {
  const at::Tensor input =
      image.to(placement_.device, placement_.dtype).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor both =
      in_slices(input, memory_.slicing, [&](const at::Tensor& row) { return moments(row); });
  const std::vector<at::Tensor> halves = both.chunk(2, 1);
  return {halves[0].contiguous(), at::clamp(halves[1], -30.0, 20.0).contiguous()};
}

at::Tensor AutoencoderKl::moments(const at::Tensor& image) const {
  const int64_t tile = config_.sample_size;
  if (!memory_.tiling || !larger_than(image, tile)) return network_->encode(image);
  return run_tiled(image, quarter_overlap(tile, tile / config_.scale_factor()),
                   [&](const at::Tensor& part) { return network_->encode(part); });
}

at::Tensor AutoencoderKl::decode(const at::Tensor& latents) const {
  const at::Tensor input =
      latents.to(placement_.device, placement_.dtype).contiguous(at::MemoryFormat::ChannelsLast);
  return in_slices(input, memory_.slicing,
                   [&](const at::Tensor& row) { return decode_together(row); });
}

at::Tensor AutoencoderKl::decode_together(const at::Tensor& latents) const {
  const int64_t tile = config_.sample_size / config_.scale_factor();
  if (!memory_.tiling || !larger_than(latents, tile)) return network_->decode(latents);
  return run_tiled(latents, quarter_overlap(tile, config_.sample_size),
                   [&](const at::Tensor& part) { return network_->decode(part); });
}

at::Tensor sample(const Posterior& posterior, NoiseSource& noise) {
  const at::Tensor draw = noise.normal(posterior.mean.sizes()).to(posterior.mean.options());
  return posterior.mean + at::exp(0.5 * posterior.logvar) * draw;
}

at::Tensor scale_latents(const AutoencoderKlConfig& config, const at::Tensor& latents) {
  if (!config.latents_mean.empty()) {
    return (latents - by_channel(config.latents_mean, latents)) * config.scaling_factor /
           by_channel(config.latents_std, latents);
  }
  return (config.shift_factor ? latents - *config.shift_factor : latents) * config.scaling_factor;
}

at::Tensor unscale_latents(const AutoencoderKlConfig& config, const at::Tensor& latents) {
  if (!config.latents_mean.empty()) {
    return latents * by_channel(config.latents_std, latents) / config.scaling_factor +
           by_channel(config.latents_mean, latents);
  }
  const at::Tensor unscaled = latents / config.scaling_factor;
  return config.shift_factor ? unscaled + *config.shift_factor : unscaled;
}

std::unique_ptr<AutoencoderKl> load_autoencoder_kl(const std::filesystem::path& config_path,
                                                   WeightStore& weights,
                                                   const Placement& placement) {
  AutoencoderKlConfig config = read_autoencoder_kl_config(config_path);
  weights.rename(current_name);
  auto network = std::make_shared<AutoencoderKl::Network>(Weights(weights, placement), config);
  weights.finish();
  return std::make_unique<AutoencoderKl>(std::move(config), std::move(network), placement);
}

}  // namespace sd
