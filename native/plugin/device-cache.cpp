#include "plugin/device-cache.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

namespace device {
namespace {

// Made if absent; true when it is a folder of this user that nobody else may write to.
bool is_private(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return false;
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) return false;
  return found.st_uid == geteuid() && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// By the user's entry: a child process of the node has no HOME.
std::string home() {
  struct passwd entry {};
  struct passwd* found = nullptr;
  std::vector<char> text(16384);
  if (getpwuid_r(geteuid(), &entry, text.data(), text.size(), &found) != 0 || found == nullptr) {
    return "";
  }
  return entry.pw_dir;
}

// The folder for all drivers, or empty.
std::string common_folder(const std::string& wanted) {
  if (!wanted.empty()) return is_private(wanted) ? wanted : "";
  const std::string base = home();
  if (base.empty() || !is_private(base + "/.cache")) return "";
  const std::string ours = base + "/.cache/blocktorch";
  return is_private(ours) ? ours : "";
}

std::string fresh_folder() {
  char path[] = "/tmp/blocktorch-XXXXXX";
  const char* made = mkdtemp(path);
  return made == nullptr ? "" : made;
}

}  // namespace

std::string cache_folder(const std::string& wanted, const std::string& name) {
  const std::string common = common_folder(wanted);
  const std::string own = common + "/" + name;
  return !common.empty() && is_private(own) ? own : fresh_folder();
}

}  // namespace device
