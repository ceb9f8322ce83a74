#pragma once

#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace sd {

/// SHA-256 of bytes that come in parts.
class Sha256 {
 public:
  Sha256();

  void add(std::span<const char> bytes);

  /// All that was added, as 64 hexadecimal digits. Nothing can be added after it.
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };

  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace sd
