#include "jobs/verify_manifest.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "core/check.h"
#include "jobs/file_digest.h"
#include "jobs/manifest.h"
#include "jobs/manifest_index.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

using Entries = std::deque<ManifestIndex::Entry>;

/// A file's name in short, and the image that has it.
struct NamedFile {
  std::size_t name;
  std::uint64_t index;

  bool operator<(const NamedFile& other) const {
    return std::tie(name, index) < std::tie(other.name, other.index);
  }
};

std::size_t short_name(std::string_view name) { return std::hash<std::string_view>()(name); }

class Verifier {
 public:
  Verifier(const fs::path& folder, const std::function<bool()>& stop)
      : folder_(folder), stop_(stop), index_(named_manifests({folder})) {}

  ManifestReport run() {
    const Entries& entries = index_.entries();
    for (auto begin = entries.begin(); begin != entries.end();) {
      const auto end = std::find_if(begin, entries.end(), [&](const ManifestIndex::Entry& entry) {
        return entry.index != begin->index;
      });
      SD_CHECK(!stop_ || !stop_(), ErrorKind::kInterrupted, "stopped");
      add_missing(report_.expected, begin->index);
      report_.expected = begin->index + 1;
      check_twice(begin, end);
      check_image(*std::prev(end));
      begin = end;
    }
    const std::uint64_t planned = index_.last_run().images.value_or(0);
    add_missing(report_.expected, planned);
    report_.expected = std::max(report_.expected, planned);
    check_names();
    return std::move(report_);
  }

 private:
  void add_missing(std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    report_.missing.add(end - begin == 1 ? std::to_string(begin)
                                         : concat_text(begin, " to ", end - 1));
    report_.missing.count += end - begin - 1;
  }

  /// Lines of one job in two manifests, unless one is a copy of the other, as a merge makes.
  void check_twice(const Entries::const_iterator& begin, const Entries::const_iterator& end) {
    if (end - begin < 2) return;
    std::vector<std::pair<ManifestImage, std::size_t>> made;
    for (auto entry = begin; entry != end; ++entry) {
      ManifestLine line = index_.line(*entry);
      if (auto* image = std::get_if<ManifestImage>(&line)) {
        made.emplace_back(std::move(*image), entry->manifest());
      }
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const auto& [image, manifest] = made[i];
        const auto& [other, other_manifest] = made[j];
        if (manifest == other_manifest || image == other || image.job != other.job) continue;
        report_.twice.add(concat_text(image.index, " in ", index_.manifest(other_manifest).string(),
                                      " and ", index_.manifest(manifest).string()));
        return;
      }
    }
  }

  void check_image(const ManifestIndex::Entry& entry) {
    const ManifestLine line = index_.line(entry);
    if (const auto* failure = std::get_if<ManifestFailure>(&line)) {
      report_.failed.add(concat_text(failure->index, ": ", failure->error));
      return;
    }
    const auto& image = std::get<ManifestImage>(line);
    ++report_.images;
    names_.push_back({short_name(image.file), image.index});
    const auto digest = digest_file(folder_ / image.file);
    if (!digest) {
      report_.absent.add(image.file);
    } else if (digest->sha256 != image.sha256) {
      report_.damaged.add(image.file);
    }
  }

  void check_names() {
    std::ranges::sort(names_, std::less());
    for (auto next = names_.begin(); next != names_.end(); ++next) {
      if (next == names_.begin() || std::prev(next)->name != next->name) continue;
      const std::uint64_t first = std::prev(next)->index;
      const std::string name = file_of(next->index);
      if (name != file_of(first)) continue;  // short names may agree where names do not
      report_.shared.add(concat_text(name, " of ", first, " and ", next->index));
    }
    visit_files(folder_, [&](const std::string& name) {
      if (is_manifest_name(name)) return;
      if (!std::ranges::binary_search(names_, short_name(name), std::less(), &NamedFile::name)) {
        report_.unnamed.add(name);
      }
    });
  }

  /// The name in the last line of an image that was made.
  std::string file_of(std::uint64_t index) const {
    const auto end = std::ranges::upper_bound(index_.entries(), index, std::less(),
                                              &ManifestIndex::Entry::index);
    return std::get<ManifestImage>(index_.line(*std::prev(end))).file;
  }

  const fs::path& folder_;
  const std::function<bool()>& stop_;
  ManifestIndex index_;
  std::deque<NamedFile> names_;
  ManifestReport report_;
};

}  // namespace

void Findings::add(std::string text) {
  ++count;
  if (first.size() < kMostNamed) first.push_back(std::move(text));
}

bool ManifestReport::is_sound() const {
  return missing.count + failed.count + absent.count + damaged.count + twice.count + shared.count ==
         0;
}

ManifestReport verify_manifest(const fs::path& folder, const std::function<bool()>& stop) {
  return Verifier(folder, stop).run();
}

}  // namespace sd
