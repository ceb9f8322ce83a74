#pragma once

#include "sd/pipeline.h"

namespace sd {

/// The name of the one function that libsd_core.so exports, of type EngineFactory.
inline constexpr const char* kEngineFactory = "sd_load_pipeline";

/// Returns a Pipeline that the caller owns. Errors: as load_pipeline.
using EngineFactory = Pipeline* (*)(const LoadOptions*, Observer*);

}  // namespace sd
