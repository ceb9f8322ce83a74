#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/weights.h"
#include "nn/module.h"

namespace sd {

/// Makes a sub-module from the scope of its own name and registers it: the name of a member, of its
/// weights and of its entry in `named_parameters()` are one.
template <typename M, typename... Args>
std::shared_ptr<M> make_child(torch::nn::Module* parent, const Weights& w, const std::string& name,
                              Args&&... args) {
  return parent->register_module(name, std::make_shared<M>(w[name], std::forward<Args>(args)...));
}

/// A numbered list of modules, "resnets.0", "resnets.1", …, as torch.nn.ModuleList names them.
template <typename M>
class ModuleList : public torch::nn::Module {
 public:
  void append(std::shared_ptr<M> module) {
    modules_.push_back(register_module(std::to_string(modules_.size()), std::move(module)));
  }

  size_t size() const { return modules_.size(); }
  bool empty() const { return modules_.empty(); }
  M& operator[](size_t i) const { return *modules_[i]; }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

 private:
  std::vector<std::shared_ptr<M>> modules_;
};

}  // namespace sd
