#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/prompt_template.h"

namespace sd {

/// One line of a file of wildcards.
struct WildcardValue {
  std::string_view file;  ///< its name
  size_t number;          ///< of the line, from 1
  std::string_view line;  ///< without the white space at its end
  size_t begin;           ///< where in the line its template begins, after white space and weight
};

/// For messages about it, and for parse_template.
TemplateSource source_of(const WildcardValue& value);

/// What __name__ may become.
struct WildcardValues {
  std::vector<WildcardValue> values;
  std::vector<uint64_t> sums;  ///< of the weights of the values up to this one; the last is not 0
};

/// The files of wildcards in one folder: DIR/colours.txt is __colours__, DIR/a/b.txt is __a/b__.
/// One value a line, "3::red" with a weight, white space around it dropped; blank lines and those
/// that begin with # are skipped. A * stands for any part of one name, ** between slashes for any
/// folders: __a/*__, __**/b__. Each file is read when it is first needed, and kept. No name and no
/// symbolic link leads out of the folder.
class Wildcards {
 public:
  static constexpr size_t kMaxFileBytes = size_t{16} << 20;
  static constexpr size_t kMaxFiles = 20000;  ///< and folders that a * looks through

  /// None: each wildcard is an error.
  Wildcards() = default;

  /// Errors: kUsage where `folder` is no folder; `flag` names the option.
  Wildcards(std::string_view flag, const std::filesystem::path& folder,
            size_t most_files = kMaxFiles);

  /// The values of __name__. `place` is where it is named. Errors: kUsage for a name that is not
  /// known, suggesting the nearest, for one that leads out of the folder, for a file that is
  /// unreadable, too large, empty or not in UTF-8, or with a line that is no template, by its name
  /// and line.
  const WildcardValues& values(const std::string& name, const TemplatePlace& place) const;

  /// Errors: kUsage as above for what the name alone shows.
  void check_name(const std::string& name, const TemplatePlace& place) const;

 private:
  struct File {
    std::string name;  ///< with its folder's
    std::string text;
  };

  const std::vector<std::string>& files_of(const std::string& name,
                                           const TemplatePlace& place) const;
  struct Names {
    std::vector<std::string> names;  ///< of all wildcards, sorted
    bool has_all = true;             ///< false where there are too many files
  };

  const Names& all_names() const;
  void check_confined(const std::string& file, const std::string& name,
                      const TemplatePlace& place) const;
  const File& read(const std::string& file, const TemplatePlace& place) const;
  void add_values(const File& file, WildcardValues& values) const;
  void check_value(const WildcardValue& value) const;

  std::filesystem::path folder_;
  std::filesystem::path real_folder_;
  size_t most_files_ = 0;
  // What was found so far. A map's values stay where they are.
  mutable std::mutex mutex_;
  mutable std::optional<Names> all_names_;
  mutable std::map<std::string, std::vector<std::string>> files_of_;
  mutable std::map<std::string, File> files_;
  mutable std::map<std::string, WildcardValues> values_;
};

}  // namespace sd
