#include "jobs/record_reader.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sd {

size_t RecordReader::skip_gap(size_t at) const {
  while (at < record_.size() && is_gap(record_[at])) ++at;
  return at;
}

/// Adds the next line to the record, whose cell goes on beyond the line; `quote` is where it began.
void RecordReader::add_line(size_t quote) {
  is_broken_ = true;
  const auto line = lines_.next();
  if (!line)
    text().fail_at(quote, "expected a second quote for this one, found the end of the file");
  if (record_.size() + line->text.size() >= kMaxJobText) {
    text().fail_at(quote, "expected a record of at most ", kMaxJobText,
                   " bytes, found no second quote for this one in them");
  }
  is_broken_ = false;
  record_ += '\n';
  record_ += line->text;
}

/// Reads on after a quote; returns where its cell ends, after blanks.
size_t RecordReader::read_quoted(size_t at, std::string& text) {
  const size_t begin = at - 1;
  for (;;) {
    const size_t quote = std::min(record_.find('"', at), record_.size());
    text.append(record_, at, quote - at);
    at = quote;
    if (at == record_.size()) {
      add_line(begin);
    } else if (record_.compare(at, 2, "\"\"") == 0) {
      text += '"';
      at += 2;
    } else {
      break;
    }
  }
  const size_t end = skip_gap(at + 1);
  if (end < record_.size() && record_[end] != separator_) {
    this->text().fail_at(end, "expected the end of the cell after its second quote, found '",
                         quotable(std::string_view(record_).substr(end)),
                         "' (in a cell a quote is written twice)");
  }
  return end;
}

/// Reads the cell from there on; returns where it ends.
size_t RecordReader::read_cell(size_t at) {
  at = skip_gap(at);
  Cell cell{"", at};
  size_t end = 0;
  if (at < record_.size() && record_[at] == '"') {
    end = read_quoted(at + 1, cell.text);
  } else {
    end = std::min(record_.find(separator_, at), record_.size());
    cell.text = trim(std::string_view(record_).substr(at, end - at));
    const size_t carriage = cell.text.find('\r');
    if (carriage != cell.text.npos) {
      text().fail_at(at + carriage,
                     "expected a line feed after this carriage return, found none (lines end with "
                     "LF or CR LF)");
    }
  }
  cells_.push_back(std::move(cell));
  return end;
}

bool RecordReader::next() {
  cells_.clear();
  if (is_broken_) return false;
  const auto first = [&] {
    for (;;) {
      auto line = lines_.next();
      if (!line || !trim(line->text).empty()) return line;
    }
  }();
  if (!first) return false;
  record_ = first->text;
  start_ = first->start;
  for (size_t end = read_cell(0); end < record_.size();) end = read_cell(end + 1);
  text().check_encoding();
  return true;
}

}  // namespace sd
