#pragma once

#include "models/unet/unet_config.h"

namespace sd {

/// Bytes that one call of the network surely needs beside its weights, for `rows` rows of h x w
/// latent cells in numbers of `element_size` bytes: the tensors that are alive at once where a
/// level is at its widest. The true peak is higher, by less than twice.
double least_call_memory(const UNetConfig& config, int64_t rows, int64_t h, int64_t w,
                         int64_t element_size);

}  // namespace sd
