#pragma once

// The one door to torch/nn/module.h, which costs seconds to compile: precompiled for the libraries
// of networks, included by no header of theirs that others see.

#include <torch/nn/module.h>

#include "core/tensor_ops.h"
