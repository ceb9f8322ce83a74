#include "cli/result_stream.h"

#include <cerrno>
#include <cstring>
#include <iterator>
#include <ostream>

#include "core/check.h"

namespace sd {

void print_result(const Host& host, std::string_view bytes, const std::string& outcome) {
  errno = 0;
  host.out.write(bytes.data(), std::ssize(bytes));
  host.out.flush();
  const std::string reason = errno == 0       ? ""
                             : errno == EBADF ? ": it is closed"
                                              : concat_text(": ", std::strerror(errno));
  SD_CHECK(host.out.good(), ErrorKind::kOutput, "standard output cannot be written", reason,
           outcome);
}

}  // namespace sd
