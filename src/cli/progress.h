#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "sd/pipeline.h"

#include "cli/console.h"
#include "cli/host.h"
#include "cli/shortened.h"

namespace sd {

/// Shows how the engine goes on: one live line with a bar on a terminal, elsewhere a plain line
/// when a phase is new and at most one every ten seconds after. Hands warnings and the wish to stop
/// on.
class Progress : public Observer {
 public:
  Progress(const Host& host, Console& console) : host_(host), console_(console) {}

  /// What stands before the phase: "image 3 of 10", say.
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  /// What is done once the first denoising step is.
  void set_on_first_step(std::function<void()> action) { on_first_step_ = std::move(action); }
  /// What is done with a preview of the request of that number.
  void set_on_preview(std::function<void(size_t, const Picture&)> action) {
    on_preview_ = std::move(action);
  }

  /// Where the work is, as a note.
  void tell_status();

  void on_progress(Phase phase, int done, int total) override;
  void on_preview(size_t request, const Picture& picture) override {
    if (on_preview_) on_preview_(request, picture);
  }
  void on_warning(const std::string& sentence) override { console_.warning(shortened(sentence)); }
  void on_note(const std::string& sentence) override { console_.detail(shortened(sentence)); }
  bool stop_requested() override { return host_.stop_signal() != 0; }

 private:
  std::string line(int done, int total) const;
  std::string rate(int done, int total) const;
  std::string memory() const;

  const Host& host_;
  Console& console_;
  std::string subject_;
  std::function<void()> on_first_step_;
  std::function<void(size_t, const Picture&)> on_preview_;
  std::optional<Phase> phase_;
  int done_ = 0;  // of total_, parts of the phase
  int total_ = 0;
  double phase_began_ = 0;
  std::optional<double> last_shown_;
  std::string last_line_;
  unsigned announced_ = 0;  // bit p: a plain line has named phase p
};

}  // namespace sd
