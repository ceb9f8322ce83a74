#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/host.h"

namespace sd {

/// Messages for people, on standard error: whole lines, and one live line at the bottom of a
/// terminal that progress rewrites.
class Console {
 public:
  /// In colours where standard error is a terminal, $NO_COLOR and `no_color` allowing.
  Console(const Host& host, bool no_color);

  /// Takes -q, -v, --no-color and --log-file. Errors: kOutput where the log cannot be opened. Where
  /// it cannot be written later one warning says so, even with -q, and the work goes on.
  void configure(const Arguments& arguments);

  void error(std::string_view sentence);    ///< "sd: error: …"
  void warning(std::string_view sentence);  ///< "sd: warning: …", not with -q
  void note(std::string_view sentence);     ///< "sd: …", not with -q
  void detail(std::string_view sentence);   ///< "sd: …", with -v alone

  /// Whether there is a live line: on a terminal that can rewrite it, without -q.
  bool has_live_line() const { return live_; }
  /// Replaces the live line.
  void show_live_line(std::string_view text);
  void clear_live_line();

 private:
  enum class Color { kNone, kRed, kYellow };
  void print_line(std::string_view kind, Color color, std::string_view sentence);
  void log_line(std::string_view kind, std::string_view sentence);

  const Host& host_;
  bool quiet_ = false;
  bool verbose_ = false;
  bool color_ = false;
  bool live_ = false;
  bool live_line_is_shown_ = false;
  std::string log_name_;
  std::ofstream log_;
};

}  // namespace sd
