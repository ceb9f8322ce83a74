#include "cli/batch_command.h"

#include <string>
#include <vector>

#include "cli/device_processes.h"
#include "core/check.h"

namespace sd {

int run_session(std::string_view command, BatchSession& session, const Arguments& arguments,
                const Host& host, Console& console) {
  if (arguments.batch.devices.empty() || arguments.batch.dry_run) return session.run();
  const std::vector<std::string> devices = parse_devices("--devices", arguments.batch.devices);
  SD_CHECK(!session.is_stream(), ErrorKind::kUsage,
           "--devices expects a file of jobs that all processes can read, found standard input");
  SD_CHECK(arguments.batch.shard.empty(), ErrorKind::kUsage,
           "--devices and --shard cannot stand together");
  SD_CHECK(arguments.load.device == LoadOptions().device, ErrorKind::kUsage,
           "--devices and --device cannot stand together");
  session.check_alone();
  return run_on_devices(command, arguments, devices, host, console);
}

}  // namespace sd
