#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "jobs/line_reader.h"

namespace sd {

struct Cell {
  std::string text;
  size_t offset;  ///< of its first character, or quote, in the record
};

/// The records of a table as RFC 4180 has them: cells parted by a separator, a cell in quotes may
/// hold separators, line ends and, written twice, quotes. Beyond it: blanks around a cell are no
/// part of it unless quoted, blank lines are left out, and a line end in a cell is \n.
class RecordReader {
 public:
  /// The input must outlive the reader.
  RecordReader(JobInput& input, char separator) : lines_(input), separator_(separator) {}

  /// Reads the next record; false after the last. Errors: kUsage with the place of what does not
  /// belong there, of a quote without its end, or of a record of more than kMaxJobText bytes. The
  /// next call goes on with the next line, unless is_broken().
  bool next();

  const std::vector<Cell>& cells() const { return cells_; }
  JobText text() const { return {record_, start_}; }

  /// Whether a line was lost in quotes, so that nobody knows where the next record begins.
  bool is_broken() const { return is_broken_; }

 private:
  bool is_gap(char c) const { return c != separator_ && is_blank(c); }
  size_t skip_gap(size_t at) const;
  size_t read_quoted(size_t at, std::string& text);
  size_t read_cell(size_t at);
  void add_line(size_t quote);

  LineReader lines_;
  char separator_;
  std::string record_;
  JobPlace start_;
  std::vector<Cell> cells_;
  bool is_broken_ = false;
};

}  // namespace sd
