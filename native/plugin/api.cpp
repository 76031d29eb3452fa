#include "plugin/api.h"

#include <algorithm>
#include <cstring>

namespace plugin {

std::string text_of(const char* text, size_t most) {
  std::string out;
  for (size_t i = 0; text != nullptr && i < most && text[i] != '\0'; i++) {
    out += text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
  }
  return out;
}

const char* missing_function(const fabric_api& api) {
  const struct {
    const char* name;
    bool present;
  } functions[] = {
      {"init", api.init != nullptr},
      {"cleanup", api.cleanup != nullptr},
      {"probe", api.probe != nullptr},
      {"device_info", api.device_info != nullptr},
      {"supports", api.supports != nullptr},
      {"cost_hint", api.cost_hint != nullptr},
      {"compile", api.compile != nullptr},
      {"program_free", api.program_free != nullptr},
      {"buffer_alloc", api.buffer_alloc != nullptr},
      {"buffer_from_host", api.buffer_from_host != nullptr},
      {"buffer_write", api.buffer_write != nullptr},
      {"buffer_read", api.buffer_read != nullptr},
      {"buffer_free", api.buffer_free != nullptr},
      {"run_start", api.run_start != nullptr},
      {"run_wait", api.run_wait != nullptr},
      {"run_cancel", api.run_cancel != nullptr},
      {"run_receipt", api.run_receipt != nullptr},
      {"run_free", api.run_free != nullptr},
      {"last_error", api.last_error != nullptr},
  };
  for (const auto& function : functions) {
    if (!function.present) return function.name;
  }
  return nullptr;
}

fabric_api known_part(const fabric_api& theirs) {
  fabric_api api{};
  std::memcpy(&api, &theirs, std::min<size_t>(theirs.struct_size, sizeof api));
  return api;
}

}  // namespace plugin
