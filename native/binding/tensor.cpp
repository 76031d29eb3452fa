// Tensors for JavaScript: a call returns when its ops are done.
//
//   tensorRun(table, values)            on the CPU kernels, in the memory of `values`; no copy
//   memoryPlace(bytes)                  the address modulo 64, to which own memory is aligned
//   deviceOpen(path, optionsJson)       a fabric in this process: its number and its facts
//   deviceTake(device, length, label)   memory there: its number, or nothing when there is none
//   deviceWrite(device, buffer, bytes) | deviceRead(device, buffer, bytes)
//   deviceGive(device, buffer)          gives memory back
//   deviceRun(device, table, buffers)   inputs, weights and op outputs by number
//
// Numbers, not pointers, cross the border, and every one is looked up. Several threads of
// JavaScript may call at once; one pool and one device run one table at a time.

#include "binding/tensor.h"

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "binding/device.h"
#include "runtime/launch.h"
#include "runtime/op-table.h"
#include "runtime/pool.h"

namespace {

using Bytes = std::span<uint8_t>;

constexpr uintptr_t kAlignment = 64;
constexpr uint32_t kValuesMax = runtime::kInputsMax + runtime::kWeightsMax + runtime::kOpsMax;

Napi::Value wrong(const Napi::Env& env, const char* usage) {
  Napi::TypeError::New(env, usage).ThrowAsJavaScriptException();
  return env.Undefined();
}

std::optional<Bytes> bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  if (value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) return std::nullopt;
  auto bytes = value.As<Napi::Uint8Array>();
  return Bytes(bytes.Data(), bytes.ElementLength());
}

// --- the CPU, in place ------------------------------------------------------------------------

runtime::Pool& pool() {
  static runtime::Pool shared(0);
  return shared;
}

std::mutex& pool_turn() {
  static std::mutex turn;
  return turn;
}

const kernels::Kernel* kernel_for(const runtime::Table& table, uint32_t index) {
  const runtime::Op& op = table.ops[index];
  const kernels::Kernel* kernel = kernels::find_cpu(op.id, op.version);
  if (kernel == nullptr) kernel = kernels::find_reference(op.id, op.version);
  return kernel != nullptr && kernel->accepts(runtime::call_of(table, index)) ? kernel : nullptr;
}

bool overlap(Bytes left, Bytes right) {
  return left.data() < right.data() + right.size() && right.data() < left.data() + left.size();
}

// Null when the memory is as the table says and no output lies in the memory of another value.
const char* check_memory(const runtime::Table& table, const std::vector<Bytes>& values) {
  if (values.size() != table.values.size()) return "the number of values is not that of the table";
  for (size_t i = 0; i < values.size(); i++) {
    const tensor::Shape& shape = table.values[i];
    if (values[i].size() != shape.bytes()) return "a value does not have the size of its type";
    if (reinterpret_cast<uintptr_t>(values[i].data()) % tensor::width(shape.dtype) != 0) {
      return "a value is not aligned to its elements";
    }
    for (size_t j = 0; i >= table.given() && j < i; j++) {
      if (overlap(values[i], values[j])) return "an output lies in the memory of another value";
    }
  }
  return nullptr;
}

const char* run_in_place(const runtime::Table& table, const std::vector<Bytes>& values) {
  static const std::atomic<bool> never{false};
  const std::lock_guard lock(pool_turn());
  runtime::Workspace workspace;
  for (uint32_t index = 0; index < table.ops.size(); index++) {
    const kernels::Kernel* kernel = kernel_for(table, index);
    if (kernel == nullptr) return "an op has no kernel";
    kernels::Call call = runtime::call_of(table, index);
    for (uint32_t i = 0; i < call.arg_count; i++) {
      call.args[i].data = values[table.ops[index].args[i]].data();
    }
    call.out.data = values[table.given() + index].data();
    const runtime::Ending ending = runtime::launch(*kernel, call, pool(), never, workspace);
    if (ending != runtime::Ending::done) return "no memory to work in";
  }
  return nullptr;
}

// Undefined when the ops are done, else the reason why none was begun or an op has no kernel.
Napi::Value tensor_run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  constexpr char usage[] = "tensorRun(table: Uint8Array, values: Uint8Array[])";
  const auto table_bytes = bytes_of(info[0]);
  if (!table_bytes || !info[1].IsArray()) return wrong(env, usage);
  const auto list = info[1].As<Napi::Array>();
  if (list.Length() > kValuesMax) return wrong(env, usage);
  std::vector<Bytes> values;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const auto bytes = bytes_of(list.Get(i));
    if (!bytes) return wrong(env, usage);
    values.push_back(*bytes);
  }
  runtime::Table table;
  const char* reason = runtime::parse_table(*table_bytes, table);
  if (reason == nullptr) reason = check_memory(table, values);
  if (reason == nullptr) reason = run_in_place(table, values);
  return reason == nullptr ? env.Undefined() : Napi::String::New(env, reason);
}

Napi::Value memory_place(const Napi::CallbackInfo& info) {
  const auto bytes = bytes_of(info[0]);
  if (!bytes) return wrong(info.Env(), "memoryPlace(bytes: Uint8Array)");
  const auto address = reinterpret_cast<uintptr_t>(bytes->data());
  return Napi::Number::New(info.Env(), static_cast<double>(address % kAlignment));
}

// --- devices with memory of their own ---------------------------------------------------------

std::mutex& devices_turn() {
  static std::mutex turn;
  return turn;
}

// They live as long as the process: a fabric that is closed and opened again gains nothing.
std::vector<std::unique_ptr<binding::Device>>& devices() {
  static std::vector<std::unique_ptr<binding::Device>> all;
  return all;
}

binding::Device* device_of(const Napi::Value& value) {
  if (!value.IsNumber()) return nullptr;
  const std::lock_guard lock(devices_turn());
  const uint32_t number = value.As<Napi::Number>().Uint32Value();
  return number < devices().size() ? devices()[number].get() : nullptr;
}

Napi::Value device_open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    return wrong(env, "deviceOpen(path: string, optionsJson: string)");
  }
  const std::string path = info[0].As<Napi::String>();
  const std::string options = info[1].As<Napi::String>();
  auto out = Napi::Object::New(env);
  const std::lock_guard lock(devices_turn());
  uint32_t number = 0;
  while (number < devices().size() && devices()[number]->path() != path) number++;
  if (number == devices().size()) {
    auto device = std::make_unique<binding::Device>(path);
    const std::string reason = device->open(options);
    if (!reason.empty()) {
      out.Set("refused", reason);
      return out;
    }
    devices().push_back(std::move(device));
  }
  const fabric_device_info& facts = devices()[number]->info();
  out.Set("device", static_cast<double>(number));
  out.Set("name", facts.name);
  out.Set("driver", facts.driver);
  out.Set("isa", facts.isa);
  return out;
}

Napi::Value device_take(const Napi::CallbackInfo& info) {
  constexpr char usage[] = "deviceTake(device, lengthBytes: number, label: string)";
  binding::Device* device = device_of(info[0]);
  if (device == nullptr || !info[1].IsNumber() || !info[2].IsString()) {
    return wrong(info.Env(), usage);
  }
  const double length = info[1].As<Napi::Number>();
  if (!(length >= 1 && length <= 4.0 * tensor::kElementsMax)) return wrong(info.Env(), usage);
  const std::string label = info[2].As<Napi::String>();
  const auto buffer = device->take(static_cast<uint64_t>(length), label);
  if (!buffer) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(*buffer));
}

Napi::Value device_give(const Napi::CallbackInfo& info) {
  binding::Device* device = device_of(info[0]);
  if (device == nullptr || !info[1].IsNumber() ||
      !device->give(info[1].As<Napi::Number>().Uint32Value())) {
    return wrong(info.Env(), "deviceGive(device, buffer)");
  }
  return info.Env().Undefined();
}

Napi::Value device_copy(const Napi::CallbackInfo& info, bool writes) {
  binding::Device* device = device_of(info[0]);
  const auto bytes = bytes_of(info[2]);
  if (device == nullptr || !info[1].IsNumber() || !bytes) {
    return wrong(info.Env(), "deviceWrite | deviceRead(device, buffer, bytes: Uint8Array)");
  }
  const uint32_t buffer = info[1].As<Napi::Number>().Uint32Value();
  const std::string reason = writes ? device->write(buffer, *bytes) : device->read(buffer, *bytes);
  return reason.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), reason);
}

Napi::Value device_write(const Napi::CallbackInfo& info) { return device_copy(info, true); }
Napi::Value device_read(const Napi::CallbackInfo& info) { return device_copy(info, false); }

// Undefined when the ops are done, else the reason why they are not.
Napi::Value device_run(const Napi::CallbackInfo& info) {
  constexpr char usage[] = "deviceRun(device, table: Uint8Array, buffers: number[])";
  binding::Device* device = device_of(info[0]);
  const auto table = bytes_of(info[1]);
  if (device == nullptr || !table || !info[2].IsArray()) return wrong(info.Env(), usage);
  const auto list = info[2].As<Napi::Array>();
  if (list.Length() > kValuesMax) return wrong(info.Env(), usage);
  std::vector<uint32_t> buffers;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value number = list.Get(i);
    if (!number.IsNumber()) return wrong(info.Env(), usage);
    buffers.push_back(number.As<Napi::Number>().Uint32Value());
  }
  const std::string reason = device->run(*table, buffers);
  return reason.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), reason);
}

}  // namespace

namespace binding {

void export_tensor(Napi::Env env, Napi::Object exports) {
  exports.Set("tensorRun", Napi::Function::New(env, tensor_run));
  exports.Set("memoryPlace", Napi::Function::New(env, memory_place));
  exports.Set("deviceOpen", Napi::Function::New(env, device_open));
  exports.Set("deviceTake", Napi::Function::New(env, device_take));
  exports.Set("deviceGive", Napi::Function::New(env, device_give));
  exports.Set("deviceWrite", Napi::Function::New(env, device_write));
  exports.Set("deviceRead", Napi::Function::New(env, device_read));
  exports.Set("deviceRun", Napi::Function::New(env, device_run));
}

}  // namespace binding
