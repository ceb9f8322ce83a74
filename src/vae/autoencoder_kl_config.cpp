#include "core/check.h"
#include "core/config_limits.h"
#include "core/config_reader.h"
#include "vae/autoencoder_kl.h"

namespace sd {
namespace {

void check_class(ConfigReader& reader) {
  const std::string name = reader.get_string("_class_name", "AutoencoderKL");
  SD_CHECK(name == "AutoencoderKL", ErrorKind::kModel, reader.name(),
           ": expected the config of an AutoencoderKL, found that of ", name);
}

/// All levels must be of the one type that the autoencoder is made of.
void check_block_types(ConfigReader& reader, const std::string& key, const std::string& type,
                       size_t levels) {
  const std::vector<std::string> types = reader.get_strings(key, {type});
  for (const std::string& found : types) {
    SD_CHECK(found == type, ErrorKind::kModel, reader.name(), ": '", key, "' has a ", found,
             ", only ", type, " is supported");
  }
  SD_CHECK(types.size() == levels, ErrorKind::kModel, reader.name(), ": '", key, "' has ",
           types.size(), " entries, 'block_out_channels' has ", levels);
}

int64_t get_sample_size(ConfigReader& reader) {
  const std::string key = "sample_size";
  if (!reader.is_list(key)) return reader.get_int(key, 32, kPixelsRange);
  const std::vector<int64_t> sides = reader.get_ints(key, {}, kPixelsRange);
  SD_CHECK(!sides.empty(), ErrorKind::kModel, reader.name(), ": '", key,
           "' should be a side in pixels or a list of them, found an empty list");
  return sides[0];
}

std::vector<int64_t> get_widths(ConfigReader& reader, int64_t groups) {
  const std::string key = "block_out_channels";
  const std::vector<int64_t> widths = reader.get_ints(key, {64}, kWidthRange);
  SD_CHECK(!widths.empty() && widths.size() <= kMaxLevels, ErrorKind::kModel, reader.name(), ": '",
           key, "' should have 1 to ", kMaxLevels, " entries, found ", widths.size());
  for (const int64_t width : widths) {
    SD_CHECK(width % groups == 0, ErrorKind::kModel, reader.name(), ": '", key, "' has ", width,
             ", which is no multiple of 'norm_num_groups' ", groups);
  }
  return widths;
}

/// `latents_mean` and `latents_std`: both or neither, and not together with a shift.
void read_statistics(ConfigReader& reader, AutoencoderKlConfig& config) {
  config.shift_factor = reader.find_double("shift_factor", kOffsetRange);
  config.latents_mean = reader.get_doubles("latents_mean", {}, kOffsetRange);
  config.latents_std = reader.get_doubles("latents_std", {}, kFactorRange);
  SD_CHECK(config.latents_mean.size() == config.latents_std.size(), ErrorKind::kModel,
           reader.name(), ": 'latents_mean' has ", config.latents_mean.size(),
           " entries, 'latents_std' has ", config.latents_std.size());
  if (config.latents_mean.empty()) return;
  SD_CHECK(config.latents_mean.size() == config.latent_channels, ErrorKind::kModel, reader.name(),
           ": 'latents_mean' should have ", config.latent_channels,
           " entries ('latent_channels'), found ", config.latents_mean.size());
  SD_CHECK(!config.shift_factor, ErrorKind::kModel, reader.name(),
           ": 'shift_factor' and 'latents_mean' exclude each other");
}

}  // namespace

AutoencoderKlConfig read_autoencoder_kl_config(const std::filesystem::path& config_path) {
  return read_autoencoder_kl_config(ConfigReader::from_file(config_path));
}

AutoencoderKlConfig read_autoencoder_kl_config(ConfigReader reader) {
  check_class(reader);
  AutoencoderKlConfig config;
  config.in_channels = reader.get_int("in_channels", config.in_channels, kWidthRange);
  config.out_channels = reader.get_int("out_channels", config.out_channels, kWidthRange);
  config.layers_per_block =
      reader.get_int("layers_per_block", config.layers_per_block, kLayersRange);
  config.activation = parse_activation(reader.get_string("act_fn", "silu"), reader.name());
  config.latent_channels = reader.get_int("latent_channels", config.latent_channels, kWidthRange);
  config.norm_groups = reader.get_int("norm_num_groups", config.norm_groups, kWidthRange);
  config.block_out_channels = get_widths(reader, config.norm_groups);
  const size_t levels = config.block_out_channels.size();
  check_block_types(reader, "down_block_types", "DownEncoderBlock2D", levels);
  check_block_types(reader, "up_block_types", "UpDecoderBlock2D", levels);
  config.sample_size = get_sample_size(reader);
  config.scaling_factor = reader.get_double("scaling_factor", config.scaling_factor, kFactorRange);
  read_statistics(reader, config);
  config.force_upcast = reader.get_bool("force_upcast", config.force_upcast);
  config.use_quant_conv = reader.get_bool("use_quant_conv", config.use_quant_conv);
  config.use_post_quant_conv = reader.get_bool("use_post_quant_conv", config.use_post_quant_conv);
  config.mid_block_add_attention =
      reader.get_bool("mid_block_add_attention", config.mid_block_add_attention);
  reader.finish();
  return config;
}

}  // namespace sd
