#include "cli/run.h"

#include <new>
#include <ostream>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/man_page.h"
#include "cli/nearest_name.h"
#include "cli/parse_arguments.h"
#include "core/check.h"

namespace sd {
namespace {

constexpr int kSignalBase = 128;  // what shells add to the number of a signal

[[noreturn]] void fail_unknown_command(const std::string& typed) {
  SD_CHECK(!typed.starts_with('-'), ErrorKind::kUsage, "expected a command before ", typed,
           ", for example: sd txt2img ", typed);
  std::vector<std::string_view> names = {"help"};
  for (const Command* command : commands()) names.push_back(command->name);
  const auto nearest = nearest_name(typed, names);
  fail(ErrorKind::kUsage, "there is no command '", typed, "'",
       nearest ? " (did you mean " + std::string(*nearest) + "?)" : "", ", see sd --help");
}

int run_help(const std::vector<std::string>& arguments, const Host& host) {
  if (arguments.size() < 2) {
    host.out << overview_help();
    return 0;
  }
  const Command* command = find_command(arguments[1]);
  if (command == nullptr) fail_unknown_command(arguments[1]);
  host.out << command_help(*command);
  return 0;
}

int run_command(const std::vector<std::string>& arguments, const Host& host, Console& console) {
  if (arguments.empty()) {
    host.err << short_usage();
    return exit_code(ErrorKind::kUsage);
  }
  const std::string& first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") return run_help(arguments, host);
  if (first == "--version" || first == "-V") {
    host.out << version_text();
    return 0;
  }
  if (first == "man") {
    host.out << man_page();
    return 0;
  }
  const Command* command = find_command(first);
  if (command == nullptr) fail_unknown_command(first);
  const Arguments parsed = parse_arguments(*command, {arguments.begin() + 1, arguments.end()});
  if (parsed.help) {
    host.out << command_help(*command);
    return 0;
  }
  console.configure(parsed);
  return command->run(parsed, host, console);
}

}  // namespace

int run(const std::vector<std::string>& arguments, const Host& host) noexcept {
  Console console(host);
  try {
    return run_command(arguments, host, console);
  } catch (const Error& error) {
    const int signal = host.stop_signal();
    if (error.kind() == ErrorKind::kInterrupted && signal != 0) {
      console.note(concat_text("stopped by signal ", signal));
      return kSignalBase + signal;
    }
    console.error(error.what());
    return exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    console.error("out of memory");
    return exit_code(ErrorKind::kMemory);
  } catch (const std::exception& error) {
    console.error(concat_text("internal error: ", error.what()));
    return kInternalErrorCode;
  } catch (...) {
    console.error("internal error: an exception of unknown type");
    return kInternalErrorCode;
  }
}

}  // namespace sd
