#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sd/api.h"
#include "sd/error.h"
#include "sd/picture.h"

namespace sd {

/// Which model to load and where it computes.
struct LoadOptions {
  std::string model;            ///< path of a diffusers folder
  std::string variant;          ///< weight files of that variant, "fp16" say; empty: the plain ones
  std::string device = "auto";  ///< "auto", "cpu", "cuda" or "cuda:N"
  std::string dtype = "auto";   ///< "auto", "fp32", "bf16" or "fp16"
  int threads = 0;              ///< CPU threads; 0: as many as there are cores
  bool low_memory = false;      ///< one component on the device at a time, freed after use
  bool vae_tiling = false;      ///< encode and decode in tiles, as diffusers `enable_tiling`
  bool vae_slicing = false;     ///< decode one image at a time, as diffusers `enable_slicing`
  bool no_t5 = false;           ///< leaves the T5 text encoder out, where the family can do without
  std::string t5_dtype;         ///< of the T5 text encoder, as dtype; empty: dtype
  bool defer_weights = false;   ///< read the networks' weights at load_weights() or first use
};

/// Latents between the networks, float32 [C, h, w].
struct Latents {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Skip-layer guidance of SD3.5: in a part of the steps the network runs once more on the prompt,
/// without some of its blocks, and the picture is pushed away from what that gives.
struct SkipLayerGuidance {
  std::vector<int> layers;  ///< numbers of the blocks that are left out; empty: none of all this
  double scale = 2.8;
  double start = 0.01;  ///< share of the steps after which it begins
  double stop = 0.2;    ///< share of the steps before which it ends

  bool operator==(const SkipLayerGuidance&) const = default;
};

struct PixelSize {
  int width = 0;
  int height = 0;

  bool operator==(const PixelSize&) const = default;
};

/// Where a picture was cut out of a larger one, in pixels.
struct CropCorner {
  int top = 0;
  int left = 0;

  bool operator==(const CropCorner&) const = default;
};

/// One image to paint. What is not set takes the default of the model's family.
struct Request {
  std::string prompt;
  std::string negative_prompt;
  std::string prompt_2;  ///< of the second and third text encoder; empty: `prompt`
  std::string prompt_3;
  std::string negative_prompt_2;  ///< empty: `negative_prompt`
  std::string negative_prompt_3;
  std::optional<int> max_sequence_length;  ///< tokens of the T5 text encoder
  std::optional<int> width;                ///< pixels, a multiple of the family's factor
  std::optional<int> height;               ///< pixels
  std::optional<int> steps;                ///< denoising steps
  std::optional<double> scale;  ///< classifier-free guidance scale; 1 and below: no guidance
  double guidance_rescale = 0;  ///< phi of Lin et al. 2023, section 3.4
  SkipLayerGuidance skip_layers;

  /// Whether width and height become the nearest size that the family was trained on.
  std::optional<bool> resolution_binning;
  std::optional<PixelSize> original_size;  ///< what the network is told of a picture's history, in
  std::optional<PixelSize> target_size;    ///< families that are told
  std::optional<CropCorner> crop;
  std::string rope_grid;       ///< rotary positions as in "diffusers" (empty, too) or "original"
  bool rounded_times = false;  ///< times and sizes are rounded to the dtype, as in diffusers

  std::string sampler;  ///< one of kSamplerNames; empty: the model's own
  std::string sigmas;   ///< "karras", "exponential" or "beta"; empty: the model's own
  std::string spacing;  ///< "leading", "linspace" or "trailing"; empty: the model's own
  /// Of DDPM's noise: "fixed_small", "fixed_small_log", "fixed_large" or "learned_range"; empty:
  /// the model's own.
  std::string variance;
  double eta = 0;  ///< DDIM's eta (Song et al. 2021, eq. 16)
  uint64_t seed = 0;
  int clip_skip = 0;  ///< last layers of the CLIP text encoder to leave out

  std::optional<Picture> init_image;    ///< img2img: the picture to start from
  std::optional<Latents> init_latents;  ///< img2img: latents in place of a picture
  std::optional<double> strength;       ///< img2img: share of the steps that are run, 0 to 1

  int preview_every = 0;  ///< steps between two calls of Observer::on_preview; 0: none
};

/// What a Request became once the defaults of the family were filled in.
struct Settings {
  int width = 0;
  int height = 0;
  int steps = 0;  ///< as asked for
  double scale = 0;
  double strength = 0;            ///< of img2img
  std::string sampler;            ///< name on the command line, "ddim" say
  std::string prediction_type;    ///< "epsilon", "v_prediction", "sample" or "flow"
  std::vector<double> timesteps;  ///< of the model calls that were made
  std::string device;             ///< "cpu" or "cuda:0"
  std::string dtype;              ///< "fp32", "bf16" or "fp16"
  std::string t5;   ///< of the T5 text encoder: its dtype, or "none"; empty: the family has none
  int threads = 1;  ///< CPU threads of an operation
};

/// Seconds spent on images that are computed together.
struct Timings {
  double encode = 0;  ///< text, and the input picture
  double denoise = 0;
  double decode = 0;
};

/// A painted image and how it came to be.
struct Painted {
  Picture picture;
  Latents latents;  ///< final ones, before decoding
  Settings settings;
  Timings timings;     ///< of all images that were computed together with it
  int batch_size = 1;  ///< how many these are, itself among them
};

/// What a latent is to pixels.
struct LatentSpace {
  int channels = 4;
  int factor = 8;  ///< pixels a side that one latent cell stands for
};

/// What a model takes for what a request leaves open, and where it computes.
struct ModelDefaults {
  int width = 0;  ///< pixels
  int height = 0;
  int steps = 0;
  int img2img_steps = 0;
  double scale = 0;
  double strength = 0;
  std::string sampler;  ///< one of kSamplerNames
  std::string device;   ///< as in Settings
  std::string dtype;
  std::string t5 = {};
};

/// What painting takes, roughly.
struct Estimate {
  double seconds = 0;  ///< for denoising, decoding and encoding of inputs
  double memory = 0;   ///< bytes at most at a time: weights and all, on the device
};

/// An image whose variational bound is asked for (Ho et al. 2020, arXiv:2006.11239, eq. 5).
struct BoundRequest {
  /// With its init_image or init_latents. The seed's generator draws the autoencoder's posterior,
  /// then the noise of each time in the order of Bound::terms. What is said of guidance and
  /// sampling has no part in it.
  Request image;
  int times = 20;                   ///< how many, from 0 to the last time, denser near 0; 0: all
  std::vector<int> time_list = {};  ///< these times instead; empty: as many as `times` says
  bool clip_denoised = true;        ///< the predicted clean latents are clamped to [-1, 1]
  int batch_size = 1;               ///< times at once
  /// Takes the clean latents that are predicted at a time, decoded; empty: they are not decoded.
  std::function<void(int time, const Picture& picture)> on_x0 = {};
};

/// What the bound is at one time of the training.
struct BoundTerm {
  int time = 0;
  int weight = 1;     ///< how many times it stands for: itself and those that it is the nearest to
  double vb = 0;      ///< bits per dimension of the latents: at time 0 of the decoder, else a KL
  double mse = 0;     ///< of the noise that the predicted clean latents imply
  double x0_mse = 0;  ///< of the predicted clean latents
};

/// The variational bound of an image, in bits per dimension of its latents.
struct Bound {
  std::vector<BoundTerm> terms;  ///< the latest time first
  int train_times = 0;           ///< sum of the weights
  double prior = 0;              ///< KL of the latents at the last time and pure noise
  double vb = 0;                 ///< of all terms, each as often as its weight
  double total = 0;              ///< prior + vb
  double mse = 0;                ///< weighted mean
  double x0_mse = 0;             ///< weighted mean
  Settings settings;             ///< but for steps, scale, strength and sampler
  Timings timings;               ///< denoise: all calls of the network
};

enum class Phase { kLoad, kEncode, kDenoise, kDecode, kEvaluate };

/// Hears how the work goes on. Called on the thread that works; every call may be ignored.
class Observer {
 public:
  virtual ~Observer() = default;

  /// The phase began, or `done` of `total` parts of it are finished: steps when denoising, times
  /// when evaluating.
  virtual void on_progress(Phase /*phase*/, int /*done*/, int /*total*/) {}
  /// What the picture of that request, counted from 0 in the call of paint, would be by now: the
  /// clean sample that the last step estimated, decoded.
  virtual void on_preview(size_t /*request*/, const Picture& /*picture*/) {}
  /// Something the user should know: a prompt that was cut, a variant that was not there.
  virtual void on_warning(const std::string& /*sentence*/) {}
  /// Something that an interested user may like to know.
  virtual void on_note(const std::string& /*sentence*/) {}
  /// Asked before every step and phase; true stops the work with an Error of kind kInterrupted.
  virtual bool stop_requested() { return false; }
};

/// A loaded model, ready to paint. Not for use by several threads at once.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  /// Paints the requests as one batch where they agree in size and in whether they are guided, else
  /// in as many batches as needed; results in the order of the requests. An image's noise depends
  /// on its own request alone. Errors: kUsage (a value that this model cannot take), kNumeric (NaN
  /// or Inf in the latents or the picture), kMemory, kInterrupted.
  virtual std::vector<Painted> paint(const std::vector<Request>& requests, Observer& observer) = 0;

  /// Throws the kUsage or kInput that `paint` would throw for these requests before it begins.
  /// Needs no weights.
  virtual void check(const std::vector<Request>& requests) const = 0;

  /// Encodes the prompts of requests that are to come, so that `paint` finds them: the least
  /// recently used are forgotten beyond 256 MB. Errors: those of `paint`.
  virtual void encode_ahead(const std::vector<Request>& requests, Observer& observer) = 0;

  /// Reads the weights now where LoadOptions::defer_weights put it off. With low_memory it does
  /// nothing. Errors: kModel, kMemory.
  virtual void load_weights(Observer& observer) = 0;

  virtual ModelDefaults defaults() const = 0;

  /// How many images like this one it is good to paint at once: as many as fill the device, as few
  /// as memory asks for.
  virtual int suggested_batch_size(const Request& request) const = 0;

  /// What painting these requests at once would take here. Needs no weights: it times a few layers
  /// of the network's sizes, and remembers them. Errors: those of `check`, kModel.
  virtual Estimate estimate(const std::vector<Request>& requests) = 0;

  /// The variational bound of a picture. Errors: those of `paint`, and kUsage where the network
  /// learned no variance or there is no such time; what is wrong with the request is said before
  /// weights are read that were deferred.
  virtual Bound evaluate_bound(const BoundRequest& request, Observer& observer) = 0;

  /// The size of the picture of a request: asked for, its input's or the model's own, and what
  /// resolution binning makes of it. Errors: kUsage or kInput, as `paint`'s.
  virtual PixelSize picture_size(const Request& request) const = 0;

  virtual LatentSpace latent_space() const = 0;
};

/// Loads a model. Opens the engine library on its first call.
/// Errors: kModel (naming file and key), kUsage (device or dtype that is not there), kMemory.
SD_API std::unique_ptr<Pipeline> load_pipeline(const LoadOptions& options, Observer& observer);

}  // namespace sd
