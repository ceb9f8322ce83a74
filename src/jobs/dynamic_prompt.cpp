#include "jobs/dynamic_prompt.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/check.h"
#include "io/utf8.h"
#include "jobs/prompt_template.h"
#include "jobs/random_stream.h"

namespace sd {
namespace {

constexpr uint64_t kNegativeTag = 0x6e65676174697665;  // "negative"

template <typename... Parts>
void check(bool holds, const TemplatePlace& place, const Parts&... parts) {
  SD_CHECK(holds, ErrorKind::kUsage, print_place(place), ": ", parts...);
}

/// How many have a weight that is not 0.
size_t count_with_weight(std::span<const uint64_t> sums) {
  uint64_t last = 0;
  return static_cast<size_t>(
      std::ranges::count_if(sums, [&](uint64_t sum) { return std::exchange(last, sum) != sum; }));
}

/// Works out one template.
class Expander {
 public:
  Expander(const Wildcards& wildcards, uint64_t state) : wildcards_(wildcards), random_(state) {}

  /// Adds what the nodes give. What they set ends with them.
  void expand(const TemplateNodes& nodes, std::string& out) {
    const size_t outer_variables = variables_.size();
    for (const TemplateNode& node : nodes) {
      std::visit([&](const auto& content) { add(content, node.place, out); }, node.content);
    }
    variables_.resize(outer_variables);
  }

 private:
  struct Variable {
    std::string_view name;
    const TemplateNodes* nodes;  ///< null: it has the text
    std::string text;
    bool is_in_use = false;  ///< its nodes are being worked out
  };

  /// One thing that is worked out; as long as it lives others are within it.
  class Step {
   public:
    Step(Expander& expander, const TemplatePlace& place) : expander_(expander) {
      expander.count_step(place);
      check(++expander.depth_ <= kMaxExpansionDepth, place,
            "choices, wildcards and variables are nested more than ", kMaxExpansionDepth,
            " deep (does a file of wildcards name itself?)");
    }
    ~Step() { --expander_.depth_; }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Expander& expander_;
  };

  void count_step(const TemplatePlace& place) {
    check(++steps_ <= kMaxExpansions, place, "the template needs more than ", kMaxExpansions,
          " choices, wildcards and variables");
  }

  static void add(std::string_view text, const TemplatePlace& place, std::string& out) {
    check(out.size() + text.size() <= kMaxExpandedPrompt, place, "the prompt becomes longer than ",
          kMaxExpandedPrompt, " bytes");
    out += text;
  }

  void add(const Choice& choice, const TemplatePlace& place, std::string& out) {
    const auto* wildcard =
        choice.is_counted && choice.options.size() == 1 && choice.options[0].nodes.size() == 1
            ? std::get_if<WildcardUse>(&choice.options[0].nodes[0].content)
            : nullptr;
    if (wildcard) return add_values(*wildcard, choice, choice.options[0].nodes[0].place, out);
    const Step step(*this, place);
    std::vector<uint64_t> sums;
    for (const ChoiceOption& option : choice.options) {
      sums.push_back((sums.empty() ? 0 : sums.back()) + option.weight);
    }
    add_drawn(choice, sums, place, out, [&](size_t i) { expand(choice.options[i].nodes, out); });
  }

  void add(const WildcardUse& use, const TemplatePlace& place, std::string& out) {
    add_values(use, Choice(), place, out);
  }

  void add(const VariableSet& set, const TemplatePlace& place, std::string& /*out*/) {
    const Step step(*this, place);
    if (set.keeps_existing && find(set.name)) return;
    Variable variable = {set.name, set.is_immediate ? nullptr : &set.value, ""};
    if (set.is_immediate) expand(set.value, variable.text);
    variables_.push_back(std::move(variable));
  }

  void add(const VariableUse& use, const TemplatePlace& place, std::string& out) {
    const Step step(*this, place);
    const Variable* variable = find(use.name);
    check(variable || use.otherwise, place, "the variable ", use.name, " is not set (${", use.name,
          "=text} sets it, ${", use.name, ":text} is the text where it is not)");
    if (!variable) return expand(*use.otherwise, out);
    if (!variable->nodes) return add(variable->text, place, out);
    const auto index = static_cast<size_t>(variable - variables_.data());
    check(!variable->is_in_use, place, "the variable ", use.name, " is used in its own text (${",
          use.name, "=!text} works the text out at once)");
    variables_[index].is_in_use = true;  // by index: more variables may be set meanwhile
    expand(*variable->nodes, out);
    variables_[index].is_in_use = false;
  }

  /// The variable of that name that was set last.
  const Variable* find(std::string_view name) const {
    const auto found =
        std::find_if(variables_.rbegin(), variables_.rend(),
                     [&](const Variable& variable) { return variable.name == name; });
    return found == variables_.rend() ? nullptr : &*found;
  }

  /// Lines of the wildcard, as many as the choice says.
  void add_values(const WildcardUse& use, const Choice& choice, const TemplatePlace& place,
                  std::string& out) {
    const Step step(*this, place);
    const size_t outer_variables = variables_.size();
    for (const VariableSet& argument : use.arguments) add(argument, place, out);
    const WildcardValues& known = wildcards_.values(use.name, place);
    add_drawn(choice, known.sums, place, out, [&](size_t i) {
      const TemplateSource source = source_of(known.values[i]);
      expand(parse_template(source, known.values[i].begin).nodes, out);
    });
    variables_.resize(outer_variables);
  }

  template <typename AddOption>
  void add_drawn(const Choice& choice, std::span<const uint64_t> sums, const TemplatePlace& place,
                 std::string& out, AddOption add_option) {
    const size_t most = choice.most == 1 ? 1 : std::min(choice.most, count_with_weight(sums));
    const size_t least = std::min(choice.least, most);
    const size_t count = least == most ? most : least + random_.below(most - least + 1);
    bool is_first = true;
    for (const size_t drawn : draw_different(random_, sums, count)) {
      if (!std::exchange(is_first, false)) add(choice.separator, place, out);
      count_step(place);
      add_option(drawn);
    }
  }

  const Wildcards& wildcards_;
  RandomStream random_;
  std::vector<Variable> variables_;
  size_t steps_ = 0;
  size_t depth_ = 0;
};

}  // namespace

std::string expand_prompt(const std::string& text, uint64_t seed, const Wildcards& wildcards,
                          const PromptKey& prompt) {
  const TemplateSource source = {lower_case(prompt.field), 0, text};
  const PromptTemplate parsed = parse_template(source);
  for (const auto& [name, place] : parsed.wildcards) wildcards.check_name(name, place);
  std::string expanded;
  Expander(wildcards, RandomStream::mix(seed) ^ (prompt.is_negative ? kNegativeTag : 0))
      .expand(parsed.nodes, expanded);
  return expanded;
}

}  // namespace sd
