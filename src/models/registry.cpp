#include <functional>
#include <map>

#include "core/check.h"
#include "models/family.h"
#include "models/hunyuan_dit/hunyuan_dit.h"
#include "models/sd3/sd3.h"
#include "models/stable_diffusion/stable_diffusion.h"

namespace sd {
namespace {

using Loader = std::unique_ptr<Family> (*)(const ModelFolder&, const LoadOptions&, const Placement&,
                                           Observer&);

/// Every family, by the pipeline classes that its folders name. A new family adds its line here.
const std::map<std::string, Loader>& loaders() {
  static const std::map<std::string, Loader> kLoaders = {
      {"StableDiffusionPipeline", load_stable_diffusion},
      {"StableDiffusionImg2ImgPipeline", load_stable_diffusion},
      {"StableDiffusion3Pipeline", load_sd3},
      {"StableDiffusion3Img2ImgPipeline", load_sd3},
      {"HunyuanDiTPipeline", load_hunyuan_dit},
  };
  return kLoaders;
}

}  // namespace

std::unique_ptr<Family> load_family(const LoadOptions& options, const Placement& placement,
                                    Observer& observer) {
  const ModelFolder folder = read_model_folder(options.model);
  auto found = loaders().find(folder.pipeline_class);
  if (found == loaders().end()) {
    std::string known;
    for (const auto& [name, loader] : loaders()) known += (known.empty() ? "" : ", ") + name;
    fail(ErrorKind::kModel, folder.index().string(), ": the model is a ", folder.pipeline_class,
         "; known are ", known);
  }
  return found->second(folder, options, placement, observer);
}

}  // namespace sd
