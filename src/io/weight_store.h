#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/placement.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"

namespace sd {

/// In which order the network wants the rows of a stored tensor: as they are, or those of the
/// second half first.
enum class RowOrder { kAsStored, kHalvesSwapped };

/// What a stored tensor is to the network.
struct NetworkTensor {
  /// More than one: its rows are cut into as many equal parts. None: the network has no use for it.
  std::vector<std::string> names;
  RowOrder order = RowOrder::kAsStored;
};

/// Files that name and lay out the tensors of a network in their own way.
struct WeightDialect {
  std::function<NetworkTensor(const std::string& stored_name)> tensor_of;
  /// The stored tensor that holds the network's tensor of that name.
  std::function<std::string(const std::string& name)> stored_name;
};

/// The tensors of one component by name, over one or more safetensors files, as views of read-only
/// mappings. It remembers which were taken, so that whatever no module asked for is an error.
class WeightStore {
 public:
  /// Maps the files and reads their headers. Errors: kModel (a broken file, a tensor in two files).
  explicit WeightStore(const std::vector<std::filesystem::path>& files);

  /// Renames every tensor; an empty new name drops it. For other dialects of the same network.
  void rename(const std::function<std::string(const std::string&)>& new_name);

  /// Gives the network's names to tensors of another dialect, which messages go on to call by the
  /// names of the files. Parts of a tensor are views of the mapping like whole ones; one whose
  /// halves change places is copied when it is taken. Tensors that the network has no use for are
  /// left over. Errors: kModel for rows that cannot be cut into equal parts.
  void translate(WeightDialect dialect);

  bool has(const std::string& name) const { return entries_.contains(name); }
  /// What the files call a tensor of the network, there or missing.
  std::string stored_name(const std::string& name) const;
  /// The shape that `take` gives. Errors: kModel where the tensor is missing.
  const std::vector<int64_t>& shape(const std::string& name) const;

  /// A view of the mapping; the mapping lives as long as the view. Counts as taken.
  /// Errors: kModel with the full name, the expected and the found shape.
  at::Tensor take(const std::string& name, at::IntArrayRef expected_shape);
  /// To be called where a tensor was copied: its pages of the mapping leave this process' memory.
  void drop_pages(const std::string& name) const;

  /// Throws kModel if tensors are left over that are not among `known_buffers` (compared by the
  /// end of their names).
  void finish(const std::vector<std::string>& known_buffers = {}) const;

  /// "FILE: tensor 'NAME' holds NaN" (or "infinite values") for the first tensor with a value that
  /// is not finite; nothing where all are. Reads every byte of the files.
  std::optional<std::string> find_non_finite() const;

  /// What messages call this component: the folder or file it was read from.
  const std::string& description() const { return description_; }
  std::vector<std::string> names() const;

 private:
  struct Entry {
    std::shared_ptr<const MappedFile> file;
    TensorInfo info;    ///< of the part
    int64_t parts = 1;  ///< into which the stored tensor was cut
    RowOrder order = RowOrder::kAsStored;
  };

  const Entry& find(const std::string& name) const;
  void add(std::map<std::string, Entry>& entries, const std::string& name, Entry&& entry) const;
  std::vector<Entry> cut(const Entry& whole, const std::string& stored,
                         const NetworkTensor& tensor) const;

  std::map<std::string, Entry> entries_;
  WeightDialect dialect_;          ///< empty: names and tensors are the network's own
  std::set<std::string> foreign_;  ///< stored names of what the network has no use for
  std::set<std::string> taken_;
  std::string description_;
};

}  // namespace sd
