#include "cli/console.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <ostream>

#include "cli/shortened.h"
#include "core/check.h"

namespace sd {
namespace {

constexpr std::string_view kClearLine = "\r\x1b[K";

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool terminal_is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) == "dumb";
}

/// Text without the control characters with which a file name could steer a terminal.
std::string printable(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return copy;
}

}  // namespace

Console::Console(const Host& host, bool no_color)
    : host_(host),
      color_(host.err_is_terminal && !terminal_is_dumb() && !is_set("NO_COLOR") && !no_color) {}

void Console::configure(const Arguments& arguments) {
  quiet_ = arguments.quiet;
  verbose_ = arguments.verbose;
  const bool can_steer = host_.err_is_terminal && !terminal_is_dumb();
  color_ = color_ && !arguments.no_color;
  live_ = can_steer && !quiet_;
  if (arguments.log_file) {
    log_name_ = *arguments.log_file;
    log_.open(log_name_, std::ios::app | std::ios::binary);
    SD_CHECK(log_.is_open(), ErrorKind::kOutput, "the log file ", log_name_,
             " cannot be opened: ", std::strerror(errno));
  }
}

void Console::error(std::string_view sentence) {
  print_line("error: ", Color::kRed, without_middle(sentence));
}

void Console::warning(std::string_view sentence) {
  if (!quiet_) {
    print_line("warning: ", Color::kYellow, sentence);
  } else {
    log_line("warning: ", sentence);
  }
}

void Console::note(std::string_view sentence) {
  if (!quiet_) {
    print_line("", Color::kNone, sentence);
  } else {
    log_line("", sentence);
  }
}

void Console::detail(std::string_view sentence) {
  if (verbose_) {
    print_line("", Color::kNone, sentence);
  } else {
    log_line("", sentence);
  }
}

void Console::show_live_line(std::string_view text) {
  host_.err << '\r' << text << "\x1b[K" << std::flush;
  live_line_is_shown_ = true;
}

void Console::clear_live_line() {
  if (live_line_is_shown_) host_.err << kClearLine << std::flush;
  live_line_is_shown_ = false;
}

void Console::print_line(std::string_view kind, Color color, std::string_view sentence) {
  clear_live_line();
  const bool colored = color_ && color != Color::kNone;
  host_.err << "sd: ";
  if (colored) host_.err << (color == Color::kRed ? "\x1b[31m" : "\x1b[33m");
  host_.err << kind;
  if (colored) host_.err << "\x1b[0m";
  host_.err << printable(sentence) << std::endl;
  log_line(kind, sentence);
}

void Console::log_line(std::string_view kind, std::string_view sentence) {
  if (!log_.is_open()) return;
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%Y-%m-%dT%H:%M:%SZ ", &utc);
  log_ << stamp.data() << kind << printable(sentence) << std::endl;
  if (log_.good()) return;
  const std::string reason = std::strerror(errno);
  log_.close();
  print_line("warning: ", Color::kYellow,
             concat_text("the log file ", log_name_, " cannot be written and ends here: ", reason));
}

}  // namespace sd
