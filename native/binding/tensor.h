// Ops at once, as the addon offers them to JavaScript: on memory that JavaScript holds, and on
// devices that keep theirs.

#pragma once

#include <napi.h>

namespace binding {

void export_tensor(Napi::Env env, Napi::Object exports);

}  // namespace binding
