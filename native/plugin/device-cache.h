// A folder of this user alone for what drivers compile. Whoever could write to it could change
// what is computed.

#pragma once

#include <string>

namespace device {

// `wanted`, or .cache/blocktorch of the home folder; in it, `name`. Made with mode 0700 when
// absent. When it belongs to somebody else or others may write to it, a new folder of this process.
std::string cache_folder(const std::string& wanted, const std::string& name);

}  // namespace device
