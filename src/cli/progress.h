#pragma once

#include <optional>
#include <string>

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

  void on_progress(Phase phase, int done, int total) override;
  void on_warning(const std::string& sentence) override { console_.warning(shortened(sentence)); }
  bool stop_requested() override { return host_.stop_signal() != 0; }

 private:
  std::string line(int done, int total) const;
  std::string rate(int done, int total) const;

  const Host& host_;
  Console& console_;
  std::string subject_;
  std::optional<Phase> phase_;
  double phase_began_ = 0;
  std::optional<double> last_shown_;
  unsigned announced_ = 0;  // bit p: a plain line has named phase p
};

}  // namespace sd
