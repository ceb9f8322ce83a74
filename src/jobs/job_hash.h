#pragma once

#include <string>
#include <string_view>

#include "sd/pipeline.h"

#include "io/picture_format.h"

namespace sd {

/// What decides the bytes of a picture beside its Request.
struct PictureSetting {
  std::string init_image_sha256 = {};    ///< of the file it starts from; empty: none
  std::string init_latents_sha256 = {};  ///< of the latents it starts from; empty: none
  std::string model_hash = {};           ///< of whatever of the model's files is to count
  std::string dtype = {};                ///< "fp32", "bf16" or "fp16"
  std::string device = {};               ///< "cpu", "cuda:1": its kind alone counts
  std::string t5 = {};                   ///< as in Settings
  bool vae_tiling = false;
  Encoding encoding = {};
};

/// All that decides the bytes of a picture as one line of JSON, equal for equal pictures: an object
/// of texts, numbers, booleans and nulls under sorted keys. Null stands for what is left to the
/// model, and for what does not matter: strength without a picture or latents to start from,
/// quality of PNG. What only some families have is there only where it says something, so that
/// manifests of before it was known hold. Pictures and latents within the request do not count,
/// their hashes do.
std::string job_parameters(const Request& request, const PictureSetting& setting);

/// The SHA-256 of such a line, 64 hexadecimal digits.
std::string job_hash(std::string_view parameters);

/// What differs between two such lines, in words: "steps is 30 there and 20 here; seed is …". Empty
/// where nothing does. Keys that one of them lacks, of another version, count as null.
std::string describe_difference(std::string_view there, std::string_view here);

}  // namespace sd
