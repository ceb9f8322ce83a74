#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "io/atomic_file.h"
#include "io/picture_format.h"
#include "jobs/picture_job.h"
#include "jobs/request_limits.h"

namespace sd {

constexpr int kMaxBatch = 4096;

/// What only `sd batch` and its like have.
struct BatchArguments {
  std::string job_format;        ///< --job-format; empty: found out
  std::optional<int> lookahead;  ///< pictures that are read ahead and may share a batch
  bool resume = false;
  bool dry_run = false;
  bool fail_fast = false;
  bool claim = false;
  bool dynamic = false;
  std::string wildcards;  ///< folder; empty: none
  std::string shard;      ///< "2/8"; empty: of the environment
  std::string devices;    ///< "0,1"; empty: this process alone
};

/// What only `sd grid` has.
struct GridArguments {
  std::string x;  ///< an axis, as parse_axis takes it; empty: none
  std::string y;
  std::string z;
  std::string sheet = "grid.png";  ///< name of the picture of all pictures, or "none"
};

/// At which times of the training `sd eval vlb` evaluates the bound.
struct EvalTimes {
  int count = 20;              ///< that many; 0: all
  std::vector<int> list = {};  ///< these, where it is not empty
};

/// What only `sd eval` has.
struct EvalArguments {
  EvalTimes times;
  bool clip_denoised = true;
  std::string x0_folder;  ///< empty: pictures are not saved
};

/// What the options of a command said.
struct Arguments {
  std::vector<std::string> typed;  ///< all of them, as they came

  LoadOptions load;  ///< `model` as it was typed
  Request request;   ///< what all images share; prompt, seed and start picture come later

  std::optional<std::string> prompt;
  std::optional<std::string> negative_prompt;
  std::optional<std::string> negative_preset;  ///< the text that the name stands for
  std::optional<std::string> prompt_file;
  std::optional<uint64_t> seed;
  std::optional<int> count;       ///< --count
  std::optional<int> batch_size;  ///< --batch-size

  // What only CompVis' scripts have.
  std::string compat;                  ///< "compvis" or empty
  std::optional<int> n_samples;        ///< images at once
  std::optional<int> n_iter;           ///< how many times that many
  std::optional<int> n_rows;           ///< pictures in a row of the grid; 0: n_samples
  std::optional<int> latent_channels;  ///< --C
  std::optional<int> latent_factor;    ///< --f
  std::string precision;               ///< "full", "autocast" or empty
  bool skip_grid = false;
  bool skip_save = false;
  bool fixed_code = false;
  bool plms = false;
  bool dpm_solver = false;

  std::optional<std::string> init_image;
  std::optional<std::string> init_latents;
  std::optional<double> strength;

  std::optional<double> skip_layer_scale;
  std::optional<double> skip_layer_start;
  std::optional<double> skip_layer_stop;

  std::optional<std::string> output;
  std::optional<std::string> outdir;  ///< CompVis: --output FOLDER/
  std::optional<PictureFormat> format;
  std::optional<int> quality;  ///< of JPEG and WebP
  std::optional<OnExist> on_exist;
  std::optional<std::string> save_latents;

  std::vector<std::string> files;  ///< names that follow a command that takes them

  BatchArguments batch;
  GridArguments grid;
  EvalArguments eval;
  std::vector<JobChange> changes;  ///< --set of sd replay

  std::optional<int> rounds;  ///< sd bench
  bool hash = false;          ///< sd info: make the hash of a model

  bool quiet = false;
  bool verbose = false;
  bool json = false;
  bool no_color = false;
  std::optional<std::string> log_file;
  bool help = false;
  bool version = false;
};

/// Errors: kUsage where something is said of skip-layer guidance without --skip-layers.
void check_skip_layers(const Arguments& arguments);

/// Stores what options mean together in the fields of the request and the load options, what
/// CompVis' options mean in the fields of ours: sampler, dtype and output. Errors: kUsage where two
/// options say different things, both of which cannot hold.
void join_arguments(Arguments& arguments);

}  // namespace sd
