#pragma once

#include <string>
#include <vector>

#include "io/infotext.h"

namespace sd {

/// The arguments of `sd` that paint the picture of these parameters again, "txt2img" first: same
/// program, model and machine, same picture. Empty where the parameters do not say enough. What a
/// picture started from is named without its folder.
std::vector<std::string> repaint_arguments(const Infotext& parameters);

/// The arguments behind "sd", quoted for bash and zsh, on one line.
std::string print_command(const std::vector<std::string>& arguments);

}  // namespace sd
