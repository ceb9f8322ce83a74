#include "jobs/merge_manifests.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "core/check.h"
#include "jobs/manifest_index.h"
#include "jobs/manifest_reader.h"
#include "jobs/manifest_writer.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

void check_agreement(const ManifestIndex& index) {
  const ManifestIndex::Run& first = index.runs().front();
  for (const ManifestIndex::Run& run : index.runs()) {
    const std::string difference = describe_difference(first.run, run.run);
    SD_CHECK(difference.empty(), ErrorKind::kUsage, "cannot merge '", run.manifest.string(),
             "' (here) with '", first.manifest.string(), "' (there): ", difference);
  }
}

/// Lines that are gathered into large writes.
class LineFile {
 public:
  LineFile(const fs::path& path, OnExist on_exist) : file_(path, on_exist) {}

  void add(const std::string& line) {
    constexpr std::size_t kBuffer = std::size_t{1} << 20;
    text_ += line;
    text_ += '\n';
    if (text_.size() >= kBuffer) flush();
  }

  void finish() {
    flush();
    file_.commit();
  }

 private:
  void flush() {
    file_.write({reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size()});
    text_.clear();
  }

  AtomicFile file_;
  std::string text_;
};

/// Keeps writers away from a manifest that is there, until this goes.
class ReadLock {
 public:
  explicit ReadLock(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return;
    reader_.emplace(path);
    lock_manifest(reader_->descriptor(), LockKind::kShared, path);
  }

 private:
  std::optional<ManifestReader> reader_;
};

}  // namespace

MergedManifest merge_manifests(const std::vector<fs::path>& inputs, const fs::path& out,
                               OnExist on_exist) {
  const std::vector<fs::path> manifests = named_manifests(inputs);
  const ReadLock lock(out);
  const ManifestIndex index(manifests, WhileWritten::kRefuse);
  ManifestRun run = index.last_run();
  check_agreement(index);
  run.shard.clear();
  LineFile file(out, on_exist);
  file.add(print_manifest_line(run));
  MergedManifest merged = {.manifests = manifests.size()};
  const auto& entries = index.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 < entries.size() && entries[i + 1].index == entries[i].index) continue;
    const std::string text = index.text(entries[i]);
    const bool is_made = std::holds_alternative<ManifestImage>(index.parse(entries[i], text));
    ++(is_made ? merged.images : merged.failures);
    file.add(text);
  }
  file.finish();
  return merged;
}

}  // namespace sd
