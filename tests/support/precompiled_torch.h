#pragma once

// What most tests of networks include, precompiled for them.

#include "nn/module.h"
#include "tests/support/precompiled.h"
