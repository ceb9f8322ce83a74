#include "cli/model_shelf.h"

namespace sd {

ModelShelf::ModelShelf(const LoadOptions& options, const Host& host, Progress& progress)
    : options_(options), host_(host), progress_(progress) {
  options_.defer_weights = true;
}

std::string ModelShelf::full_name(const std::string& name) const {
  return name.empty() ? options_.model : name;
}

std::unique_ptr<Pipeline> ModelShelf::open(const ShelvedModel& model) const {
  LoadOptions options = options_;
  options.model = model.path.folder.string();
  return host_.load(options, progress_);
}

ShelvedModel& ModelShelf::find(const std::string& name) {
  const auto [place, is_new] = models_.try_emplace(full_name(name));
  ShelvedModel& model = place->second;
  try {
    if (is_new) model.path = find_model(place->first);
    if (!model.pipeline) model.pipeline = open(model);
  } catch (...) {
    models_.erase(place);
    throw;
  }
  if (is_new) {
    model.defaults = model.pipeline->defaults();
    model.hasher = std::make_unique<ModelHasher>(model.path.folder, options_.variant);
  }
  return model;
}

ShelvedModel& ModelShelf::load(const std::string& name) {
  ShelvedModel& model = find(name);
  if (loaded_ == full_name(name)) return model;
  if (!loaded_.empty()) models_.at(loaded_).pipeline.reset();  // before the next one needs room
  loaded_.clear();
  model.pipeline->load_weights(progress_);
  loaded_ = full_name(name);
  return model;
}

bool ModelShelf::is_loaded(const std::string& name) const { return loaded_ == full_name(name); }

}  // namespace sd
