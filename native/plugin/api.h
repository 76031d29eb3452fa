// Reading a fabric's table of functions: what must be there, and text of any length and content.

#pragma once

#include <cstddef>
#include <string>

#include "plugin/fabric.h"

namespace plugin {

// The table of 1.0 ended here.
inline constexpr size_t kApiBytesLeast = offsetof(fabric_api, run_progress);

// Printable ASCII, cut to `most`; everything else becomes '?'. Null is empty.
std::string text_of(const char* text, size_t most);

// The first function of version 1.0 that is null, or null.
const char* missing_function(const fabric_api& api);

// The table as far as both sides know it; what lies beyond is null.
fabric_api known_part(const fabric_api& theirs);

}  // namespace plugin
