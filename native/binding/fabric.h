// Fabrics and their processes, as the addon offers them to JavaScript.

#pragma once

#include <napi.h>

namespace binding {

void export_fabric(Napi::Env env, Napi::Object exports);

}  // namespace binding
