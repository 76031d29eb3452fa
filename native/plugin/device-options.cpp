#include "plugin/device-options.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace device {
namespace {

// The text after `"name":`, without leading blanks; empty when there is none.
std::string_view after(std::string_view json, std::string_view name) {
  std::string key = "\"";
  key.append(name).append("\"");
  size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  at = json.find_first_not_of(" \t\r\n", at + key.size());
  if (at == std::string_view::npos || json[at] != ':') return {};
  at = json.find_first_not_of(" \t\r\n", at + 1);
  return at == std::string_view::npos ? std::string_view{} : json.substr(at);
}

// A string value; backslashes keep the next character.
std::string text_of(std::string_view json, std::string_view name) {
  const std::string_view value = after(json, name);
  std::string text;
  if (value.empty() || value[0] != '"') return text;
  for (size_t i = 1; i < value.size() && value[i] != '"'; i++) {
    if (value[i] == '\\' && i + 1 < value.size()) i++;
    text += value[i];
  }
  return text;
}

bool truth_of(std::string_view json, std::string_view name) {
  return after(json, name).starts_with("true");
}

std::string either(const std::string& text, const char* variable) {
  return !text.empty() || variable == nullptr ? text : variable;
}

}  // namespace

Options read_options(const char* json, const char* (*environment)(const char* name)) {
  const std::string_view all = json == nullptr ? "" : json;
  Options options;
  options.tiling = either(text_of(all, "tiling"), environment("TB_OPENCL_TILING"));
  options.jit = either(text_of(all, "jit"), environment("TB_CUDA_JIT"));
  options.cache = text_of(all, "cache");
  options.flush = truth_of(all, "flush");
  options.soft = truth_of(all, "soft");
  const std::string number(after(all, "device"));
  options.device = static_cast<uint32_t>(std::strtoul(number.c_str(), nullptr, 10));
  return options;
}

}  // namespace device
