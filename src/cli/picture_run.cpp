#include "cli/picture_run.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "cli/batch_command.h"
#include "cli/batch_session.h"
#include "cli/batch_setup.h"
#include "cli/model_path.h"
#include "core/check.h"
#include "io/sha256.h"
#include "jobs/job_keys.h"
#include "jobs/picture_job.h"
#include "jobs/picture_parameters.h"

namespace sd {
namespace {

/// What a run of pictures shares.
struct Pictures {
  std::vector<std::string> files;
  Job base;
  std::vector<JobChange> changes;
};

/// A picture that says itself which model painted it names one that sd may not have.
void check_model(const PictureJob& picture, const Job& base) {
  const std::string& model = picture.job.model;
  if (model.empty() || model == base.model) return;
  try {
    find_model(model);
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, print_place(picture.job.place), ": Model: ", error.what(),
         " (sd replay --set model=NAME takes another one)");
  }
}

PictureJob read_picture(const Pictures& pictures, size_t index,
                        const std::function<bool()>& is_stopped) {
  PictureJob picture =
      read_picture_job(pictures.files[index], pictures.base, pictures.changes, is_stopped);
  check_model(picture, pictures.base);
  return picture;
}

class PictureJobs : public JobSource {
 public:
  PictureJobs(const Pictures& pictures, std::function<bool()> is_stopped)
      : pictures_(pictures), is_stopped_(std::move(is_stopped)) {}

  std::optional<Job> next() override {
    if (at_ == pictures_.files.size()) return std::nullopt;
    return read_picture(pictures_, at_++, is_stopped_).job;
  }

 private:
  const Pictures& pictures_;
  std::function<bool()> is_stopped_;
  size_t at_ = 0;
};

std::string print_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Warns of what will be otherwise than in the pictures.
class Differences {
 public:
  Differences(const LoadOptions& load, Console& console) : load_(load), console_(console) {}

  /// Reads all pictures once; those that are wrong are left to the check of the jobs. Returns a
  /// hash of all that they ask for.
  std::string look_at(const Pictures& pictures, const std::function<bool()>& is_stopped) {
    Sha256 hash;
    for (size_t i = 0; i < pictures.files.size(); ++i) {
      try {
        const PictureJob picture = read_picture(pictures, i, is_stopped);
        hash.add(print_job(picture.job) + "\n");
        if (!picture.unequalled.empty()) {
          console_.warning(concat_text(pictures.files[i],
                                       ": sd has no equal of all that it was made with, so that "
                                       "another picture comes of it: ",
                                       print_names(picture.unequalled)));
        }
        made_with_[pictures.files[i]] = {picture.variant, picture.device, picture.dtype,
                                         picture.vae_tiling, picture.t5};
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kUsage) throw;
      }
    }
    return hash.hex();
  }

  /// Compares how a picture was made with how it is going to be made.
  void compare(const BatchTask& task, const ModelDefaults& now) {
    if (!task.job.place.file) return;
    const auto found = made_with_.find(*task.job.place.file);
    if (found == made_with_.end()) return;
    const MadeWith& then = found->second;
    const auto note = [&](const std::string& what) {
      auto& [first, more] = differing_[what];
      (first.empty() ? first = *task.job.place.file : first, ++more);
    };
    if (then.dtype && *then.dtype != now.dtype) {
      note(concat_text("--dtype ", *then.dtype, ", and here is ", now.dtype));
    }
    if (then.device && kind_of(*then.device) != kind_of(now.device)) {
      note(concat_text("--device ", *then.device, ", and here is ", now.device));
    }
    if (then.variant && *then.variant != load_.variant) {
      note(then.variant->empty()
               ? concat_text("the plain weight files, and here is --variant ", load_.variant)
               : concat_text("--variant ", *then.variant, ", and here is ",
                             load_.variant.empty() ? "none" : load_.variant));
    }
    if (then.vae_tiling && *then.vae_tiling != load_.vae_tiling) {
      note(*then.vae_tiling ? "--vae-tiling, and here is none" : "no --vae-tiling, and here it is");
    }
    compare_t5(then, now, note);
  }

  void tell() const {
    for (const auto& [what, pictures] : differing_) {
      const auto& [first, count] = pictures;
      const std::string others =
          count > 1 ? concat_text(" and ", count - 1, count == 2 ? " other" : " others") : "";
      console_.warning(concat_text(first, others, count > 1 ? " were" : " was", " painted with ",
                                   what, ": pixels may differ"));
    }
  }

 private:
  struct MadeWith {
    std::optional<std::string> variant;
    std::optional<std::string> device;
    std::optional<std::string> dtype;
    std::optional<bool> vae_tiling;
    std::optional<std::string> t5;
  };

  template <typename Note>
  static void compare_t5(const MadeWith& then, const ModelDefaults& now, const Note& note) {
    const std::string& was = then.t5 ? *then.t5 : then.dtype.value_or(now.t5);
    const bool follows = !then.t5 && now.t5 == now.dtype;  // then --dtype was told of
    if (now.t5.empty() || was == now.t5 || follows) return;
    note(was == kNoT5      ? "--no-t5, and here T5 takes part"
         : now.t5 == kNoT5 ? "T5, and here is --no-t5"
                           : concat_text("--t5-dtype ", was, ", and here is ", now.t5));
  }

  static std::string kind_of(const std::string& device) {
    return device.substr(0, device.find(':'));
  }

  const LoadOptions& load_;
  Console& console_;
  std::map<std::string, MadeWith> made_with_;
  std::map<std::string, std::pair<std::string, int64_t>> differing_;  // the first, and how many
};

}  // namespace

int run_pictures(std::string_view command, const std::vector<std::string>& files, const Job& base,
                 const Arguments& arguments, const Host& host, Console& console) {
  const Pictures pictures = {files, base, arguments.changes};
  Differences differences(arguments.load, console);
  JobOrigin origin;
  origin.name = files.size() == 1 ? files.front()
                                  : concat_text(files.front(), " and ", files.size() - 1, " more");
  origin.sha256 = differences.look_at(pictures, [&] { return host.stop_signal() != 0; });
  origin.open = [&pictures](const std::function<bool()>& is_stopped) {
    return std::make_unique<PictureJobs>(pictures, is_stopped);
  };
  const BatchHooks hooks = {
      .on_task = [&](const BatchTask& task, const BatchNamer::Name&,
                     const ShelvedModel& model) { differences.compare(task, model.defaults); },
      .on_checked = [&](const std::filesystem::path&) { differences.tell(); }};
  BatchSession session(arguments, std::move(origin), host, console, hooks);
  return run_session(command, session, arguments, host, console);
}

bool is_picture_file(const std::string& file) {
  constexpr size_t kHead = 12;
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return false;
  std::array<char, kHead> head{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(head.data(), head.size());
  return begins_picture({head.data(), static_cast<size_t>(stream.gcount())});
}

}  // namespace sd
