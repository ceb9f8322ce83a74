#include "cli/batch_setup.h"

#include <utility>

#include "core/check.h"
#include "io/read_picture.h"
#include "io/sha256.h"
#include "jobs/dynamic_prompt.h"
#include "jobs/job_hash.h"
#include "jobs/prompt_keys.h"

namespace sd {
namespace {

void expand(BatchTask& task, const Wildcards& wildcards) {
  Request& request = task.job.request;
  for (const PromptKey& prompt : kPromptKeys) {
    std::string& text = request.*prompt.text;
    try {
      std::string expanded = expand_prompt(text, request.seed, wildcards, prompt);
      if (expanded == text) continue;
      const bool is_first = prompt.key == kPromptKeys[0].key;
      (is_first ? task.prompt_template : task.other_templates[std::string(prompt.key)]) =
          std::exchange(text, std::move(expanded));
    } catch (const Error& error) {
      const JobPlace* place = find_key(task.job, prompt.key);
      fail(error.kind(), print_place(place ? *place : task.job.place), ": ", error.what());
    }
  }
}

}  // namespace

Job base_job(const Arguments& arguments) {
  Job job;
  job.request = arguments.request;
  job.request.prompt = arguments.prompt.value_or("");
  job.count = arguments.count.value_or(1);
  job.init_image = arguments.init_image.value_or("");
  job.init_latents = arguments.init_latents.value_or("");
  return job;
}

TaskSource make_tasks(const BatchSetup& setup, JobSource& jobs) {
  TaskSource::Expand change;
  if (setup.wildcards) {
    change = [&wildcards = *setup.wildcards](BatchTask& task) { expand(task, wildcards); };
  }
  return {jobs, setup.base_seed, change, setup.origin.seeds};
}

std::string parameters_of(const BatchSetup& setup, const BatchTask& task, PictureFormat format,
                          const ModelDefaults& defaults, const std::string& model_hash,
                          const std::string& start_sha256) {
  PictureSetting setting = {.model_hash = model_hash,
                            .dtype = defaults.dtype,
                            .device = defaults.device,
                            .t5 = defaults.t5,
                            .vae_tiling = setup.vae_tiling,
                            .encoding = {format, setup.quality}};
  (task.job.init_image.empty() ? setting.init_latents_sha256 : setting.init_image_sha256) =
      start_sha256;
  return job_parameters(task.job.request, setting);
}

const std::string& StartHashes::sha256(const std::string& path) {
  static const std::string kNone;
  if (path.empty()) return kNone;
  if (path == path_) return sha256_;
  const std::vector<std::uint8_t> bytes = read_input_file(path);
  Sha256 hash;
  hash.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  sha256_ = hash.hex();
  path_ = path;
  return sha256_;
}

}  // namespace sd
