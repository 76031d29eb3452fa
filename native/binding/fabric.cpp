// Fabrics for JavaScript: one a process, its runs, and the limits of the process that carries it.
//
//   openFabric(path, optionsJson, foreign?, onStep?)   its device's facts, or why there is none
//   fabricSupports(table) | fabricCost(table)
//   fabricRun(table, runId, given, opBytes, done)      on a thread of its own; returns `cancel()`
//   fabricPhase()                  the call into the fabric that has not returned yet
//   fabricProfile() | fabricLines()   allocation events, and what it logged, since the last call
//   guardedBytes(length)           memory between guards, which every run looks at
//   limitProcess(limits) | limitCpu(seconds) | processFacts()

#include "binding/fabric.h"

#include <chrono>
#include <memory>
#include <thread>

#include "binding/values.h"
#include "plugin/api.h"
#include "plugin/host.h"
#include "plugin/process-limits.h"
#include "runtime/executor.h"

namespace {

using binding::Bytes;
using binding::bytes_of;
using binding::copy_digests;
using binding::copy_out;
using binding::list_of;
using binding::wrong;

plugin::Host host;

Napi::Object fault_object(const Napi::Env& env, const plugin::Fault& fault) {
  auto out = Napi::Object::New(env);
  out.Set("refused", fault.code);
  out.Set("reason", fault.detail);
  return out;
}

Napi::Object device_object(const Napi::Env& env) {
  const fabric_device_info& device = host.info();
  auto out = Napi::Object::New(env);
  out.Set("fabric", host.name());
  out.Set("version", host.version());
  out.Set("kind", static_cast<double>(device.kind));
  out.Set("caps", static_cast<double>(device.caps));
  out.Set("computeUnits", static_cast<double>(device.compute_units));
  out.Set("memoryTotalBytes", static_cast<double>(device.memory_total_bytes));
  out.Set("memoryFreeBytes", static_cast<double>(device.memory_free_bytes));
  out.Set("device", plugin::text_of(device.name, sizeof device.name));
  out.Set("vendor", plugin::text_of(device.vendor, sizeof device.vendor));
  out.Set("driver", plugin::text_of(device.driver, sizeof device.driver));
  out.Set("isa", plugin::text_of(device.isa, sizeof device.isa));
  out.Set("kernelDigest", copy_out(env, device.kernel_digest));
  return out;
}

Napi::Value open_fabric(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    return wrong(env, "openFabric(path: string, optionsJson: string, foreign?, onStep?)");
  }
  plugin::OpenOptions options;
  options.options_json = info[1].As<Napi::String>();
  options.foreign = info[2].IsBoolean() && info[2].As<Napi::Boolean>().Value();
  if (info[3].IsFunction()) {
    options.on_step = [&info](const char* step) {
      info[3].As<Napi::Function>().Call({Napi::String::New(info.Env(), step)});
    };
  }
  const plugin::Fault fault = host.open(info[0].As<Napi::String>(), options);
  return fault ? fault_object(env, fault) : device_object(env);
}

std::optional<Bytes> table_for_open_fabric(const Napi::CallbackInfo& info) {
  return host.is_open() ? bytes_of(info[0]) : std::nullopt;
}

// -1 when every op is supported, else the first that is not, or -2 for a malformed table.
Napi::Value fabric_supports(const Napi::CallbackInfo& info) {
  const auto table = table_for_open_fabric(info);
  if (!table) return wrong(info.Env(), "fabricSupports(table: Uint8Array), after openFabric");
  uint32_t first = 0;
  const fabric_code code = host.supports(*table, &first);
  const double answer = code == FABRIC_OK            ? -1
                        : code == FABRIC_UNSUPPORTED ? static_cast<double>(first)
                                                     : -2;
  return Napi::Number::New(info.Env(), answer);
}

Napi::Value fabric_cost_hint(const Napi::CallbackInfo& info) {
  const auto table = table_for_open_fabric(info);
  if (!table) return wrong(info.Env(), "fabricCost(table: Uint8Array), after openFabric");
  fabric_cost cost{};
  if (host.cost_hint(*table, &cost) != FABRIC_OK) return info.Env().Undefined();
  auto out = Napi::Object::New(info.Env());
  out.Set("estimateMicros", static_cast<double>(cost.estimate_ns / 1000));
  out.Set("memoryPeakBytes", static_cast<double>(cost.memory_peak_bytes));
  return out;
}

// Hands memory over without copying it.
Napi::Value hand_over(const Napi::Env& env, std::unique_ptr<plugin::Guarded> bytes) {
  plugin::Guarded* kept = bytes.release();
  return Napi::Buffer<uint8_t>::New(
      env, kept->data(), kept->size(),
      [](Napi::Env, uint8_t*, plugin::Guarded* owned) { delete owned; }, kept);
}

Napi::Object run_object(const Napi::Env& env, plugin::RunResult& result) {
  auto out = Napi::Object::New(env);
  if (result.fault) {
    out.Set("kind", "failed");
    out.Set("refused", result.fault.code);
    out.Set("code", static_cast<double>(result.code));
    out.Set("reason", result.fault.detail);
    return out;
  }
  if (result.code == FABRIC_CANCELLED) {
    out.Set("kind", "cancelled");
    return out;
  }
  const size_t count = result.outputs.size();
  auto outputs = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) {
    outputs.Set(i, hand_over(env, std::move(result.outputs[i])));
  }
  out.Set("kind", "done");
  out.Set("outputs", outputs);
  out.Set("opDigests", copy_digests(env, result.op_digests.data(), result.op_digests.size() / 32));
  out.Set("outputDigest", copy_out(env, result.output_digest));
  out.Set("micros", static_cast<double>(result.micros));
  out.Set("allocBytes", static_cast<double>(result.alloc_bytes));
  out.Set("freeBytes", static_cast<double>(result.free_bytes));
  return out;
}

// A run on a thread of its own. Lives from fabricRun until `done` has been called.
struct RunJob {
  Napi::ThreadSafeFunction done;
  Napi::ObjectReference alive;
  Bytes table;
  std::vector<Bytes> given;
  std::vector<uint64_t> op_bytes;
  uint64_t run_id;
  std::shared_ptr<plugin::CancelToken> token;
  std::thread thread;
  plugin::RunResult result;

  void work() {
    result = host.run(table, run_id, given, op_bytes, *token);
    done.BlockingCall(this, [](Napi::Env env, Napi::Function call, RunJob* job) {
      job->thread.join();
      job->done.Release();
      auto outcome = run_object(env, job->result);
      delete job;
      call.Call({outcome});
    });
  }
};

std::optional<std::vector<uint64_t>> lengths_of(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  const auto array = value.As<Napi::Array>();
  if (array.Length() > runtime::kOpsMax) return std::nullopt;
  std::vector<uint64_t> all;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value entry = array.Get(i);
    if (!entry.IsNumber()) return std::nullopt;
    const double number = entry.As<Napi::Number>();
    if (!(number >= 1 && number <= 4.0 * tensor::kElementsMax)) return std::nullopt;
    all.push_back(static_cast<uint64_t>(number));
  }
  return all;
}

Napi::Value fabric_run_table(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto table = table_for_open_fabric(info);
  const auto given = list_of(info[2]);
  const auto op_bytes = lengths_of(info[3]);
  if (!table || !info[1].IsBigInt() || !given || !op_bytes || !info[4].IsFunction()) {
    return wrong(env, "fabricRun(table, runId: bigint, given, opBytes, done), after openFabric");
  }
  bool lossless = false;
  auto* job = new RunJob();
  auto alive = Napi::Array::New(env, 2);
  alive.Set(0u, info[0]);
  alive.Set(1u, info[2]);
  job->alive = Napi::Persistent(alive.As<Napi::Object>());
  job->table = *table;
  job->given = *given;
  job->op_bytes = *op_bytes;
  job->run_id = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
  job->token = std::make_shared<plugin::CancelToken>();
  job->done = Napi::ThreadSafeFunction::New(env, info[4].As<Napi::Function>(), "fabricRun", 0, 1);
  job->thread = std::thread([job] { job->work(); });
  return Napi::Function::New(env, [token = job->token](const Napi::CallbackInfo& call) {
    token->cancel();
    return call.Env().Undefined();
  });
}

Napi::Value fabric_profile(const Napi::CallbackInfo& info) {
  const auto lines = host.drain_profile();
  auto out = Napi::Array::New(info.Env(), lines.size());
  for (uint32_t i = 0; i < lines.size(); i++) {
    auto line = Napi::Object::New(info.Env());
    line.Set("kind", lines[i].is_free ? "free" : "alloc");
    line.Set("label", lines[i].label);
    line.Set("bytes", static_cast<double>(lines[i].bytes));
    line.Set("runId", Napi::BigInt::New(info.Env(), lines[i].run_id));
    line.Set("sequence", static_cast<double>(lines[i].sequence));
    out.Set(i, line);
  }
  return out;
}

Napi::Value fabric_lines(const Napi::CallbackInfo& info) {
  const auto lines = host.drain_lines();
  auto out = Napi::Array::New(info.Env(), lines.size());
  for (uint32_t i = 0; i < lines.size(); i++) out.Set(i, lines[i]);
  return out;
}

Napi::Value fabric_phase(const Napi::CallbackInfo& info) {
  const plugin::Phase phase = host.phase();
  if (phase.name == nullptr) return info.Env().Undefined();
  auto out = Napi::Object::New(info.Env());
  out.Set("name", phase.name);
  const uint64_t now = runtime::now_ns();
  const uint64_t spent = now > phase.since_ns ? now - phase.since_ns : 0;
  out.Set("forMs", static_cast<double>(spent / 1'000'000));
  return out;
}

Napi::Value guarded_bytes(const Napi::CallbackInfo& info) {
  constexpr char usage[] = "guardedBytes(length: number of at most 8 GiB)";
  const double length = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(length >= 0 && length <= 4.0 * tensor::kElementsMax)) return wrong(info.Env(), usage);
  auto bytes = std::make_unique<plugin::Guarded>(static_cast<size_t>(length));
  if (bytes->data() == nullptr) return info.Env().Undefined();
  return hand_over(info.Env(), std::move(bytes));
}

uint64_t count_in(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  return number > 0 && number < 9e15 ? static_cast<uint64_t>(number) : 0;
}

// The names of the limits that this system does not know, joined by commas.
Napi::Value limit_process(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) return wrong(info.Env(), "limitProcess(limits: ProcessLimits)");
  const auto from = info[0].As<Napi::Object>();
  plugin::ProcessLimits limits;
  limits.memory_bytes = count_in(from, "memoryBytes");
  limits.file_bytes = count_in(from, "fileBytes");
  limits.descriptors = count_in(from, "descriptors");
  limits.parent = static_cast<int64_t>(count_in(from, "parentPid"));
  limits.alone = from.Get("isAlone").ToBoolean().Value();
  return Napi::String::New(info.Env(), plugin::limit_process(limits));
}

Napi::Value limit_cpu(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) return wrong(info.Env(), "limitCpu(seconds: number)");
  plugin::limit_cpu(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value process_facts(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("descriptors", static_cast<double>(plugin::open_descriptors()));
  out.Set("threads", static_cast<double>(plugin::running_threads()));
  return out;
}

}  // namespace

namespace binding {

void export_fabric(Napi::Env env, Napi::Object exports) {
  exports.Set("openFabric", Napi::Function::New(env, open_fabric));
  exports.Set("fabricSupports", Napi::Function::New(env, fabric_supports));
  exports.Set("fabricCost", Napi::Function::New(env, fabric_cost_hint));
  exports.Set("fabricRun", Napi::Function::New(env, fabric_run_table));
  exports.Set("fabricProfile", Napi::Function::New(env, fabric_profile));
  exports.Set("fabricLines", Napi::Function::New(env, fabric_lines));
  exports.Set("fabricPhase", Napi::Function::New(env, fabric_phase));
  exports.Set("guardedBytes", Napi::Function::New(env, guarded_bytes));
  exports.Set("limitProcess", Napi::Function::New(env, limit_process));
  exports.Set("limitCpu", Napi::Function::New(env, limit_cpu));
  exports.Set("processFacts", Napi::Function::New(env, process_facts));
}

}  // namespace binding
