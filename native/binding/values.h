// JavaScript values that native code takes and gives: checked, unwrapped, wrapped.

#pragma once

#include <napi.h>

#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "runtime/op-table.h"

namespace binding {

using Bytes = std::span<const uint8_t>;

constexpr uint32_t kValuesMax = runtime::kInputsMax + runtime::kWeightsMax + runtime::kOpsMax;

// A wrong call: throws a TypeError that says how it is called.
inline Napi::Value wrong(const Napi::Env& env, const char* usage) {
  Napi::TypeError::New(env, usage).ThrowAsJavaScriptException();
  return env.Undefined();
}

inline std::optional<Bytes> bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return std::nullopt;
  const auto bytes = value.As<Napi::Uint8Array>();
  return Bytes(bytes.Data(), bytes.ElementLength());
}

inline std::optional<std::vector<Bytes>> list_of(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  const auto array = value.As<Napi::Array>();
  if (array.Length() > kValuesMax) return std::nullopt;
  std::vector<Bytes> all;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const auto bytes = bytes_of(array.Get(i));
    if (!bytes) return std::nullopt;
    all.push_back(*bytes);
  }
  return all;
}

inline Napi::Value copy_out(const Napi::Env& env, Bytes bytes) {
  auto out = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(out.Data(), bytes.data(), bytes.size());
  return out;
}

inline Napi::Array copy_digests(const Napi::Env& env, const uint8_t* digests, size_t count) {
  auto out = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; i++) {
    out.Set(static_cast<uint32_t>(i), copy_out(env, {digests + 32 * i, 32}));
  }
  return out;
}

}  // namespace binding
