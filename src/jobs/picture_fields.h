#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/foreign_parameters.h"
#include "io/infotext.h"

namespace sd {

/// A value of a picture's parameters as a key of a job takes it, or an option of the run where no
/// job has that key: variant, device, dtype, vae_tiling, t5_dtype, no_t5.
struct PictureValue {
  std::string_view field;  ///< "CFG scale", as the parameters call it
  std::string_view key;    ///< "scale"; with hyphens for its _ it is the name of the option
  std::string value;       ///< empty of vae_tiling and no_t5, which are no keys of a job
};

/// What the parameters say beside the prompts, those of other programs as far as sd has an equal,
/// in an order of its own and without what belongs to the keys of `without`. Whether a key takes
/// its value is not checked. Errors: kUsage, naming the field, for a Size or Clip skip that is
/// none, and for what is to be true or false.
std::vector<PictureValue> picture_values(const Infotext& parameters,
                                         std::span<const std::string_view> without = {});

/// Whether it was painted from another picture or from latents: "Denoising strength" says so, but
/// not beside the fields of A1111's hires fix.
bool has_start(const Infotext& parameters);

/// Whether they are those of a picture of several pictures, as A1111's X/Y/Z plot and `sd grid`
/// make them.
bool is_contact_sheet(const Infotext& parameters);

/// What changes a picture and has no equal in sd: names of fields, "Hires upscale" say, and in
/// words what other programs find in a prompt, where sd takes it literally.
std::vector<std::string> unequalled_fields(const FoundParameters& parameters);

}  // namespace sd
