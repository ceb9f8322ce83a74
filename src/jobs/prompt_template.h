#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sd {

/// Where a template stands: a prompt, or a line of a file of wildcards.
struct TemplateSource {
  std::string name;  ///< "prompt", "negative prompt 2" or the name of the file
  size_t line = 0;   ///< from 1; 0: no file
  std::string text;
};

struct TemplatePlace {
  const TemplateSource* source;
  size_t offset;  ///< in bytes
};

/// "prompt, column 12" or "wildcards/colours.txt:3:12"; columns count code points, from 1.
std::string print_place(const TemplatePlace& place);

struct TemplateNode;
using TemplateNodes = std::vector<TemplateNode>;

struct ChoiceOption {
  uint64_t weight;  ///< in units of 1 / kWeightUnit
  TemplateNodes nodes;
};

/// {a|b}, {2$$ and $$a|b}
struct Choice {
  bool is_counted = false;  ///< whether it begins with a number and $$
  size_t least = 1;
  size_t most = 1;
  std::string separator = ", ";
  std::vector<ChoiceOption> options;
};

/// ${x=…}, ${x=!…}, ${x?=…}, and x=… among the arguments of a wildcard
struct VariableSet {
  std::string name;
  TemplateNodes value;
  bool is_immediate = false;    ///< !: worked out once, here
  bool keeps_existing = false;  ///< ?: only where the variable is not set
};

/// ${x}, ${x:default}
struct VariableUse {
  std::string name;
  std::optional<TemplateNodes> otherwise;
};

/// __name__, __name(x=…)__
struct WildcardUse {
  std::string name;
  std::vector<VariableSet> arguments;
};

struct TemplateNode {
  TemplatePlace place;
  std::variant<std::string, Choice, VariableSet, VariableUse, WildcardUse> content;
};

/// A template, and each wildcard that it names wherever it stands.
struct PromptTemplate {
  TemplateNodes nodes;
  std::vector<std::pair<std::string, TemplatePlace>> wildcards;
};

inline constexpr uint64_t kWeightUnit = uint64_t{1} << 20;
inline constexpr double kMaxWeight = 1e6;
inline constexpr size_t kMaxCount = 10000;        ///< before $$
inline constexpr size_t kMaxTemplateDepth = 100;  ///< of braces in braces

/// Reads a template, whose grammar is described at expand_prompt, from the byte `begin` on.
/// `source` must stay: the nodes point to it. Errors: kUsage with the place, for what the grammar
/// does not know.
PromptTemplate parse_template(const TemplateSource& source, size_t begin = 0);

struct WeightedText {
  uint64_t weight;
  std::string_view text;
};

/// Takes "3::", after any white space, from the start of an option; without it the weight is 1.
/// `place` is that of the text. Errors: kUsage for a weight that is not from 0 to kMaxWeight.
WeightedText take_weight(std::string_view text, const TemplatePlace& place);

}  // namespace sd
