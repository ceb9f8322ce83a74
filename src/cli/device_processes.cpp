#include "cli/device_processes.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "cli/model_path.h"
#include "core/check.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): unistd.h has it for GNU alone

namespace sd {
namespace {

constexpr std::string_view kDevices = "--devices";

struct Process {
  std::string device;
  pid_t pid = 0;
  bool is_running = true;
};

/// The arguments without --devices, in either form.
std::vector<std::string> without_devices(const std::vector<std::string>& typed) {
  std::vector<std::string> kept;
  for (size_t i = 0; i < typed.size(); ++i) {
    if (typed[i] == kDevices) {
      ++i;
    } else if (!typed[i].starts_with(concat_text(kDevices, "="))) {
      kept.push_back(typed[i]);
    }
  }
  return kept;
}

pid_t start(std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, pointers.data(), environ);
  SD_CHECK(error == 0, ErrorKind::kTemporary, kDevices,
           ": a process cannot be started: ", std::strerror(error));
  return pid;
}

/// The exit code of one that has ended; says so where it is not 0.
int report_end(const Process& process, int status, Console& console) {
  if (WIFSIGNALED(status)) {
    console.error(concat_text("the process of ", process.device, " died of signal ",
                              WTERMSIG(status), "; the others go on with its pictures"));
    return 1;
  }
  const int code = WEXITSTATUS(status);
  if (code > 1) {
    console.error(concat_text("the process of ", process.device, " ended with ", code));
  }
  return code;
}

void stop_all(const std::vector<Process>& processes, int signal) {
  for (const Process& process : processes) {
    if (process.is_running) ::kill(process.pid, signal);
  }
}

}  // namespace

std::vector<std::string> parse_devices(std::string_view flag, const std::string& text) {
  std::vector<std::string> devices;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string name = text.substr(begin, end - begin);
    const bool is_number = !name.empty() && name.size() <= 3 &&
                           name.find_first_not_of("0123456789") == std::string::npos;
    SD_CHECK(is_number || name == "cpu" || name.starts_with("cuda:"), ErrorKind::kUsage, flag,
             " expects the numbers of GPUs with commas between, \"0,1\" say, found '", text, "'");
    devices.push_back(is_number ? "cuda:" + name : name);
    begin = end + 1;
  }
  return devices;
}

int run_on_devices(std::string_view command, const Arguments& arguments,
                   const std::vector<std::string>& devices, const Host& host, Console& console) {
  // Our own options stand first: behind a "--" that the user typed they would be names of files.
  std::vector<std::string> shared = {"sd", std::string(command), "--claim"};
  if (arguments.load.model.empty()) shared.push_back(concat_text("--model=", kDefaultModel));
  if (arguments.load.threads == 0) {
    const auto each = std::thread::hardware_concurrency() / devices.size();
    shared.push_back(concat_text("--threads=", std::max<size_t>(each, 1)));
  }
  const std::vector<std::string> typed = without_devices(arguments.typed);
  std::vector<Process> processes;
  int worst = 0;
  try {
    for (const std::string& device : devices) {
      std::vector<std::string> own = shared;
      own.push_back("--device=" + device);
      own.insert(own.end(), typed.begin(), typed.end());
      processes.push_back({device, start(std::move(own))});
    }
  } catch (...) {
    stop_all(processes, SIGTERM);
    throw;
  }
  int told = 0;
  while (std::ranges::any_of(processes, &Process::is_running)) {
    for (Process& process : processes) {
      int status = 0;
      if (!process.is_running || ::waitpid(process.pid, &status, WNOHANG) != process.pid) continue;
      process.is_running = false;
      if (host.stop_signal() == 0) worst = std::max(worst, report_end(process, status, console));
    }
    if (host.stop_signal() != told) stop_all(processes, told = host.stop_signal());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  SD_CHECK(host.stop_signal() == 0, ErrorKind::kInterrupted, "stopped");
  return worst;
}

}  // namespace sd
