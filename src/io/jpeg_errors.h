#pragma once

#include <cstddef>
#include <cstdio>

// needs <cstdio> and <cstddef> before it
#include <jpeglib.h>
// needs jpeglib.h before it
#include <array>
#include <csetjmp>

namespace sd {

/// libjpeg's error handler: remembers the message and jumps back. No C++ object with a destructor
/// may live between the setjmp and the calls that can fail.
struct JpegErrorHandler {
  jpeg_error_mgr manager;  // first, so that libjpeg's pointer to it is one to this struct
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] inline void jump_back(j_common_ptr info) {
  auto* handler = reinterpret_cast<JpegErrorHandler*>(info->err);
  (*info->err->format_message)(info, handler->message.data());
  std::longjmp(handler->jump, 1);  // NOLINT(cert-err52-cpp): no exception may pass through C
}

}  // namespace sd
