#pragma once

#include <string>
#include <string_view>

#include "io/infotext.h"
#include "io/picture_metadata.h"

namespace sd {

/// Which program wrote the parameters of a picture.
enum class ParameterSource {
  kNone,
  kSd,
  kA1111,  ///< or one of the many that write as it does
  kComfyUi,
  kInvokeAi,
};

/// "none", "sd", "a1111", "comfyui" or "invokeai".
std::string_view source_name(ParameterSource source);

struct FoundParameters {
  ParameterSource source = ParameterSource::kNone;
  Infotext text;        ///< fields under A1111's names, whoever wrote them
  std::string warning;  ///< what could not be read, or ""
};

/// The parameters that a picture carries: A1111's text in PNG or EXIF; else what InvokeAI wrote;
/// else ComfyUI's graph, in PNG or in EXIF as it writes it into WebP.
FoundParameters find_parameters(const PictureMetadata& picture);

}  // namespace sd
