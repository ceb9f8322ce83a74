#include "cli/batch_saver.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "cli/image_report.h"
#include "core/check.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "io/sha256.h"
#include "jobs/job_hash.h"
#include "jobs/picture_parameters.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

std::string sha256_of(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  hash.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return hash.hex();
}

/// Whether the file is a picture made with these very parameters: one that was saved before the run
/// ended too early for its line in the manifest.
bool is_made_with(const fs::path& path, const std::string& parameters) {
  try {
    const PictureMetadata metadata = read_picture_metadata(read_input_file(path), path.string());
    const auto text = metadata.texts.find("parameters");
    return (text != metadata.texts.end() && text->second == parameters) ||
           metadata.exif.comment == parameters;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

BatchSaver::BatchSaver(const BatchSetup& setup, ManifestWriter& manifest, Leases* leases,
                       Options options)
    : setup_(setup), manifest_(manifest), leases_(leases), options_(std::move(options)) {}

void BatchSaver::save(FinishedPicture picture) {
  const auto shared = std::make_shared<const FinishedPicture>(std::move(picture));
  worker_.post([this, shared] { write(*shared); });
}

void BatchSaver::note_failure(const BatchTask& task, ErrorKind kind, const std::string& why) {
  const ManifestFailure failure{
      .index = static_cast<uint64_t>(task.index), .error = why, .exit_code = exit_code(kind)};
  worker_.post([this, failure, index = task.index] {
    if (leases_ != nullptr && !leases_->still_held(index)) return;
    add_line(failure, "");
    if (leases_ != nullptr) leases_->fail(index);
  });
}

/// The run's own line comes before the first other one.
void BatchSaver::add_line(const ManifestLine& line, const std::string& model_hash) {
  if (!std::exchange(has_begun_, true)) {
    options_.run.model_hash = model_hash;
    manifest_.add(options_.run);
  }
  manifest_.add(line);
}

std::vector<SavedPicture> BatchSaver::take_saved() {
  const std::lock_guard lock(mutex_);
  return std::exchange(reports_, {});
}

void BatchSaver::write(const FinishedPicture& picture) {
  const BatchTask& task = picture.task;
  if (leases_ != nullptr && !leases_->still_held(task.index)) return;  // another makes it, or has
  const Settings& settings = picture.painted.settings;
  // Also where the run is to stop: without the hash of its model a resumed run would take the
  // picture for that of another one.
  const std::optional<std::string> model_hash = picture.model->hasher->get([] { return false; });
  const PictureOrigin origin = {.model = picture.model->path.name,
                                .model_hash = model_hash.value_or(""),
                                .variant = options_.variant,
                                .start = fs::path(start_of(task)).filename().string(),
                                .vae_tiling = setup_.vae_tiling};
  const std::string parameters = picture_parameters(picture.request, settings, origin);
  const auto start = std::chrono::steady_clock::now();
  const Encoding encoding = {picture.name.format, setup_.quality};
  const EncodedPicture file = encode_picture(picture.painted.picture, parameters, encoding);
  const fs::path path = path_below(setup_.output.folder, picture.name.file);
  // Not to be made again where it vanished: its manifest and all other pictures went with it.
  SD_CHECK(fs::is_directory(setup_.output.folder), ErrorKind::kOutput, "cannot write '",
           path.string(), "': the folder '", setup_.output.folder.string(), "' does not exist");
  folders_.make(path.parent_path());
  const bool may_replace = picture.replaces || options_.replaces(task.index) ||
                           (options_.is_resumed && is_made_with(path, parameters));
  const auto written =
      write_file_atomically(path, file.bytes, may_replace ? OnExist::kOverwrite : setup_.on_exist);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  SavedPicture saved{.index = task.index, .line = {}, .warning = file.warning};
  const bool is_ours = leases_ == nullptr || leases_->still_held(task.index);
  if (written && is_ours) {
    // A link that was written through has another path, and its own name all the same.
    const std::string own_name = written->lexically_relative(setup_.output.folder).generic_string();
    const bool is_renamed = setup_.on_exist == OnExist::kRename && own_name != picture.name.file;
    const std::string of_job =
        parameters_of(setup_, task, picture.name.format, picture.model->defaults, origin.model_hash,
                      picture.start_sha256);
    add_line(
        ManifestImage{.index = static_cast<uint64_t>(task.index),
                      .job = job_hash(of_job),
                      .file = is_renamed ? own_name : picture.name.file,
                      .wanted_file = is_renamed ? picture.name.file : "",
                      .sha256 = sha256_of(file.bytes),
                      .bytes = file.bytes.size(),
                      .seed = picture.request.seed,
                      .timings = {picture.painted.timings.encode, picture.painted.timings.denoise,
                                  picture.painted.timings.decode, seconds},
                      .batch_size = picture.painted.batch_size,
                      .worker = options_.worker,
                      .parameters = of_job,
                      .prompt_template = task.prompt_template,
                      .other_templates = task.other_templates},
        origin.model_hash);
    saved.line = options_.is_json
                     ? image_report(*written, task.index, picture.request, picture.painted, origin)
                     : written->string();
    ++saved_;
  }
  // After the line: who dies in between leaves a picture that the next one tells of, too.
  if (leases_ != nullptr) leases_->finish(task.index);
  const std::lock_guard lock(mutex_);
  reports_.push_back(std::move(saved));
}

}  // namespace sd
