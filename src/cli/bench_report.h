#pragma once

#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "cli/help_sections.h"

namespace sd {

/// Seconds of one round of `sd bench`, a batch from texts to files.
struct BenchRound {
  double encode = 0;
  double denoise = 0;
  double decode = 0;
  double save = 0;  ///< making the PNG files and writing them

  double total() const { return encode + denoise + decode + save; }
};

/// What `sd bench` measured. The first round is not like the others: weights are read from the disk
/// and memory is touched for the first time.
struct BenchResult {
  std::string model;
  Settings settings;
  int batch_size = 1;
  double load = 0;  ///< seconds
  std::vector<BenchRound> rounds;
  double peak_memory = 0;  ///< bytes that the process held at most (VmHWM)
};

/// Each part's median over all rounds but the first, or of the first where it is alone.
BenchRound median_round(const BenchResult& result);

/// A table for people.
std::string print_bench(const BenchResult& result);

/// For programs: an object on one line. Version 1: keys may be added, none goes or changes.
std::string bench_json(const BenchResult& result);

/// Every key of that line.
std::vector<HelpRow> bench_keys();

}  // namespace sd
