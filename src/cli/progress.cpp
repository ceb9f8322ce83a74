#include "cli/progress.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <utility>

#include "cli/print_units.h"
#include "core/check.h"

namespace sd {
namespace {

constexpr double kPlainSeconds = 10;  // between plain lines
constexpr double kLiveSeconds = 0.1;  // between two states of the live line
constexpr int kBarWidth = 16;

/// What the parts of a phase that is counted are called: "step"; nothing for the others.
const char* part_name(Phase phase) {
  if (phase == Phase::kDenoise) return "step";
  return phase == Phase::kEvaluate ? "time" : "";
}

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::kLoad: return "loading";
    case Phase::kEncode: return "encoding";
    case Phase::kDenoise: return "denoising";
    case Phase::kDecode: return "decoding";
    case Phase::kEvaluate: return "evaluating";
  }
  return "working";
}

std::string bar(int done, int total) {
  const auto filled = static_cast<size_t>(static_cast<long long>(kBarWidth) * done / total);
  std::string text = " [";
  text.append(filled, '#').append(kBarWidth - filled, '-').append("] ");
  return text;
}

}  // namespace

std::string Progress::rate(int done, int total) const {
  const double elapsed = host_.seconds() - phase_began_;
  if (done <= 0 || elapsed <= 0) return "";
  const double per_second = done / elapsed;
  const auto left = static_cast<long>((total - done) / per_second + 0.5);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), ", %.2f %ss/s, ETA %ld:%02ld", per_second,
                part_name(*phase_), left / 60, left % 60);
  return text.data();
}

std::string Progress::line(int done, int total) const {
  std::string text = subject_;
  if (!text.empty()) text += ": ";
  text += phase_name(*phase_);
  const std::string_view part = part_name(*phase_);
  if (part.empty() || total <= 0) return text;
  done = std::clamp(done, 0, total);
  text += console_.has_live_line() ? bar(done, total) : concat_text(" ", part, " ");
  text += concat_text(done, "/", total, rate(done, total));
  return console_.has_live_line() ? text + memory() : text;
}

std::string Progress::memory() const {
  const double bytes = host_.memory();
  return bytes > 0 ? ", " + print_gigabytes(bytes) : "";
}

void Progress::tell_status() {
  const std::string memory = this->memory();
  if (phase_) {
    std::string text = line(done_, total_);
    if (!text.ends_with(memory)) text += memory;
    console_.note(text);
  } else {
    console_.note((subject_.empty() ? "beginning" : subject_) + memory);
  }
}

void Progress::on_progress(Phase phase, int done, int total) {
  const double now = host_.seconds();
  done_ = done;
  total_ = total;
  const bool is_new = phase_ != phase;
  if (is_new || done == 0) phase_began_ = now;
  phase_ = phase;
  if (phase == Phase::kDenoise && done > 0 && on_first_step_) {
    std::exchange(on_first_step_, nullptr)();
  }
  if (host_.take_status_request()) tell_status();
  const bool is_last = done == total;
  if (console_.has_live_line()) {
    if (!is_new && !is_last && last_shown_ && now - *last_shown_ < kLiveSeconds) return;
    const auto columns = static_cast<size_t>(std::max(host_.columns() - 1, 1));
    console_.show_live_line(line(done, total).substr(0, columns));
  } else {
    const unsigned bit = 1U << static_cast<unsigned>(phase);
    const bool is_announced = (announced_ & bit) != 0;
    if (is_announced && last_shown_ && now - *last_shown_ < kPlainSeconds) return;
    announced_ |= bit;
    std::string text = line(done, total);
    if (text != last_line_) console_.note(text);
    last_line_ = std::move(text);
  }
  last_shown_ = now;
}

}  // namespace sd
