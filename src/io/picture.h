#pragma once

#include "sd/picture.h"  // the pictures that src/io reads, resizes and writes
