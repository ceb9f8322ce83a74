#include "jobs/job_builder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace sd {
namespace {

/// Does the work; an error of it gets the place of that byte.
template <typename Work>
auto with_place(const JobText& text, size_t offset, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    text.fail_at(offset, error.what());
  }
}

}  // namespace

JobBuilder::JobBuilder(const JobText& text, const JobDefaults& defaults)
    : text_(text), defaults_(defaults), job_(defaults.base) {}

const JobBuilder::Given* JobBuilder::find_given(std::string_view name) const {
  const auto found = std::ranges::find_if(given_, [&](const Given& given) {
    return given.has_value && job_keys()[given.key].name == name;
  });
  return found == given_.end() ? nullptr : &*found;
}

size_t JobBuilder::parse_key(std::string_view typed, size_t offset) const {
  const size_t key = with_place(text_, offset, [&] { return parse_job_key(typed); });
  const std::string_view name = job_keys()[key].name;
  if (std::ranges::find(given_, key, &Given::key) != given_.end()) {
    text_.fail_at(offset, "expected ", name, " once, found it again",
                  typed == name ? "" : concat_text(" as ", typed));
  }
  return key;
}

void JobBuilder::set(std::string_view typed, const JobValue& value, size_t offset) {
  const size_t key = parse_key(typed, offset);
  const std::string_view name = job_keys()[key].name;
  for (const Given& given : given_) {
    const std::string_view other = job_keys()[given.key].name;
    if (!given.has_value || !are_rivals(name, other)) continue;
    const auto [first, second] = std::minmax(given.key, key);
    text_.fail_at(offset, job_keys()[first].name, " and ", job_keys()[second].name,
                  " cannot stand together");
  }
  with_place(text_, offset, [&] { set_job_value(job_, key, typed, value); });
  if (name == "init_img" || name == "init_latents") {
    std::string& path = name == "init_img" ? job_.init_image : job_.init_latents;
    path = (std::filesystem::path(defaults_.folder) / path).string();
  }
  given_.push_back({key, offset, true});
}

void JobBuilder::skip(std::string_view typed, size_t offset) {
  given_.push_back({parse_key(typed, offset), offset, false});
}

Job JobBuilder::finish() {
  if (!find_given("prompt") && defaults_.base.request.prompt.empty()) {
    text_.fail_at(0, "expected a prompt, found none");
  }
  for (const Given& given : given_) {
    const auto reason = given.has_value ? why_idle(job_, job_keys()[given.key].name) : std::nullopt;
    if (reason) text_.fail_at(given.offset, *reason);
  }
  if (!job_.seed) job_.seed = defaults_.base.seed;  // a seed of -1
  if (const auto conflict = find_conflict(job_)) {
    size_t offset = 0;
    for (const std::string_view name : conflict->keys) {
      const Given* given = find_given(name);
      if (given) offset = std::max(offset, given->offset);
    }
    text_.fail_at(offset, conflict->message);
  }
  job_.place = text_.start;
  for (const Given& given : given_) {
    if (given.has_value)
      job_.keys.push_back({job_keys()[given.key].name, text_.place(given.offset)});
  }
  return std::move(job_);
}

}  // namespace sd
