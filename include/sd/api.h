#pragma once

/// Marks what libsd.so shows to programs that link it.
#define SD_API __attribute__((visibility("default")))
