#include "cli/run.h"

#include <algorithm>
#include <csignal>
#include <new>
#include <ostream>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/man_page.h"
#include "cli/parse_arguments.h"
#include "core/check.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

constexpr int kSignalBase = 128;  // what shells add to the number of a signal

[[noreturn]] void fail_unknown_command(const std::string& typed) {
  SD_CHECK(!typed.starts_with('-'), ErrorKind::kUsage, "expected a command before ", typed,
           ", for example: sd txt2img ", typed);
  SD_CHECK(typed.find(' ') == typed.npos, ErrorKind::kUsage, "expected a command, found '", typed,
           "' (did you mean sd txt2img -p \"", typed, "\"?)");
  std::vector<std::string_view> names = {"help", "man", "version"};
  for (const Command* command : commands()) names.push_back(command->name);
  fail(ErrorKind::kUsage, "there is no command '", typed, "'", suggest(typed, names),
       ", see sd --help");
}

/// Whether `typed` is the name of that thing, as a command or as an option.
bool asks_for(const std::string& typed, std::string_view name, std::string_view letter = {}) {
  return typed == name || typed == concat_text("--", name) ||
         (!letter.empty() && typed == concat_text("-", letter));
}

/// Errors: kUsage where more than one argument was given.
void check_nothing_follows(const std::vector<std::string>& arguments) {
  SD_CHECK(arguments.size() == 1, ErrorKind::kUsage, "sd ", arguments[0],
           " takes nothing more, found '", arguments[1], "'");
}

/// `sd --help`, and `sd --help COMMAND` for that of a command.
int print_help(const std::vector<std::string>& arguments, const Host& host) {
  const std::string topic = arguments.size() > 1 ? arguments[1] : "";
  SD_CHECK(arguments.size() <= 2 || arguments.back().starts_with('-'), ErrorKind::kUsage,
           "sd help takes the name of one command, found also '", arguments.back(), "'");
  if (topic.empty() || topic.starts_with('-') || asks_for(topic, "help") || topic == "man" ||
      topic == "version") {
    host.out << overview_help();
    return 0;
  }
  const Command* command = find_command(topic);
  if (command == nullptr) fail_unknown_command(topic);
  host.out << command_help(*command);
  return 0;
}

int run_command(const std::vector<std::string>& arguments, const Host& host, Console& console) {
  if (arguments.empty()) {
    host.err << short_usage();
    return exit_code(ErrorKind::kUsage);
  }
  const std::string& first = arguments.front();
  if (asks_for(first, "help", "h")) return print_help(arguments, host);
  if (asks_for(first, "version", "V")) {
    check_nothing_follows(arguments);
    host.out << version_text();
    return 0;
  }
  if (first == "man") {
    check_nothing_follows(arguments);
    host.out << man_page();
    return 0;
  }
  const Command* command = find_command(first);
  if (command == nullptr) fail_unknown_command(first);
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (rest == std::vector<std::string>{"help"}) return print_help({"help", first}, host);
  const Arguments parsed = parse_arguments(*command, rest);
  if (parsed.help) {
    host.out << command_help(*command);
    return 0;
  }
  if (parsed.version) {
    host.out << version_text();
    return 0;
  }
  console.configure(parsed);
  return command->run(parsed, host, console);
}

}  // namespace

int run(const std::vector<std::string>& arguments, const Host& host) noexcept {
  // What is wrong with the options is said before they are read.
  Console console(host, std::ranges::find(arguments, "--no-color") != arguments.end());
  try {
    return run_command(arguments, host, console);
  } catch (const Error& error) {
    const int signal = host.stop_signal();
    if (error.kind() == ErrorKind::kInterrupted && signal != 0) {
      console.note(concat_text("stopped by ", signal == SIGINT ? "Ctrl-C (SIGINT)" : "SIGTERM"));
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
