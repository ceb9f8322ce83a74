#pragma once

// What most tests include, precompiled for them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/precompiled.h"
