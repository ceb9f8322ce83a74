#pragma once

#include <cstddef>
#include <cstdint>
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
  std::string sampler;  ///< one of kSamplerNames; empty: the model's own
  std::string sigmas;   ///< "karras", "exponential" or "beta"; empty: the model's own
  std::string spacing;  ///< "leading", "linspace" or "trailing"; empty: the model's own
  double eta = 0;       ///< DDIM's eta (Song et al. 2021, eq. 16)
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

enum class Phase { kLoad, kEncode, kDenoise, kDecode };

/// Hears how the work goes on. Called on the thread that works; every call may be ignored.
class Observer {
 public:
  virtual ~Observer() = default;

  /// The phase began, or `done` of `total` parts of it (steps, when denoising) are finished.
  virtual void on_progress(Phase /*phase*/, int /*done*/, int /*total*/) {}
  /// What the picture of that request, counted from 0 in the call of paint, would be by now: the
  /// clean sample that the last step estimated, decoded.
  virtual void on_preview(size_t /*request*/, const Picture& /*picture*/) {}
  /// Something the user should know: a prompt that was cut, a variant that was not there.
  virtual void on_warning(const std::string& /*sentence*/) {}
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

  /// The sizes of a picture must be multiples of this, in pixels.
  virtual int size_multiple() const = 0;

  virtual LatentSpace latent_space() const = 0;
};

/// Loads a model. Opens the engine library on its first call.
/// Errors: kModel (naming file and key), kUsage (device or dtype that is not there), kMemory.
SD_API std::unique_ptr<Pipeline> load_pipeline(const LoadOptions& options, Observer& observer);

}  // namespace sd
