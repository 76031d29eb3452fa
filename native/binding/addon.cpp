// The only file that knows both JavaScript and native code: checks, unwraps, calls, wraps.
//
//   blake3(bytes, key?)                 digest, at once; for small inputs and child processes
//   blake3Async(bytes, done)            digest on a thread of the event loop's pool
//   blake3File(path, done)              digest and length of a file, likewise
//   openFabric(path, optionsJson)       one fabric a process; its device's facts
//   fabricSupports(table) | fabricCost(table)
//   fabricRun(table, runId, given, opBytes, done)   on a thread of its own; returns `cancel()`
//   fabricProfile()                     allocation events since the last call
//   foldVerify(table, values, secret, receiptId, threads)   at once; for the verifier process
//   and what tensors need (tensor.cpp)
//
// Every argument is checked before a pointer is taken. A wrong call throws a TypeError and does
// nothing. Source of the shapes: src/compute/io/native.ts.

#include <napi.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "binding/tensor.h"
#include "plugin/host.h"
#include "proof/fold.h"
#include "runtime/executor.h"

namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kFileChunkBytes = 1u << 20;
constexpr uint32_t kValuesMax = runtime::kInputsMax + runtime::kWeightsMax + runtime::kOpsMax;

plugin::Host host;

Napi::Value wrong(const Napi::Env& env, const char* usage) {
  Napi::TypeError::New(env, usage).ThrowAsJavaScriptException();
  return env.Undefined();
}

std::optional<Bytes> bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return std::nullopt;
  const auto bytes = value.As<Napi::Uint8Array>();
  return Bytes(bytes.Data(), bytes.ElementLength());
}

std::optional<std::vector<Bytes>> list_of(const Napi::Value& value) {
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

Napi::Value copy_out(const Napi::Env& env, Bytes bytes) {
  auto out = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(out.Data(), bytes.data(), bytes.size());
  return out;
}

Napi::Array copy_digests(const Napi::Env& env, const uint8_t* digests, size_t count) {
  auto out = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; i++) {
    out.Set(static_cast<uint32_t>(i), copy_out(env, {digests + 32 * i, 32}));
  }
  return out;
}

// Hands the vector over without copying it.
Napi::Value hand_over(const Napi::Env& env, std::vector<uint8_t> bytes) {
  auto* kept = new std::vector<uint8_t>(std::move(bytes));
  return Napi::Buffer<uint8_t>::New(
      env, kept->data(), kept->size(),
      [](Napi::Env, uint8_t*, std::vector<uint8_t>* owned) { delete owned; }, kept);
}

Napi::Value blake3_now(const Napi::CallbackInfo& info) {
  constexpr char usage[] = "blake3(bytes: Uint8Array, key?: Uint8Array of 32 bytes)";
  const auto bytes = bytes_of(info[0]);
  if (!bytes) return wrong(info.Env(), usage);
  if (info[1].IsUndefined()) return copy_out(info.Env(), blake3::hash(*bytes));
  const auto key = bytes_of(info[1]);
  if (!key || key->size() != blake3::kKeyBytes) return wrong(info.Env(), usage);
  return copy_out(info.Env(), blake3::keyed(blake3::Key(*key), *bytes));
}

class HashBytes final : public Napi::AsyncWorker {
 public:
  HashBytes(const Napi::Function& done, const Napi::Value& array, Bytes bytes)
      : Napi::AsyncWorker(done),
        bytes_(bytes),
        alive_(Napi::Persistent(array.As<Napi::Object>())) {}

 private:
  void Execute() override { digest_ = blake3::hash(bytes_); }
  void OnOK() override { Callback().Call({copy_out(Env(), digest_)}); }

  Bytes bytes_;
  // The array must outlive the work that reads it.
  Napi::ObjectReference alive_;
  blake3::Digest digest_{};
};

Napi::Value blake3_async(const Napi::CallbackInfo& info) {
  const auto bytes = bytes_of(info[0]);
  if (!bytes || !info[1].IsFunction()) {
    return wrong(info.Env(), "blake3Async(bytes: Uint8Array, done: (digest) => void)");
  }
  (new HashBytes(info[1].As<Napi::Function>(), info[0], *bytes))->Queue();
  return info.Env().Undefined();
}

class HashFile final : public Napi::AsyncWorker {
 public:
  HashFile(const Napi::Function& done, std::string path)
      : Napi::AsyncWorker(done), path_(std::move(path)) {}

 private:
  void Execute() override {
    std::FILE* file = std::fopen(path_.c_str(), "rb");
    if (file == nullptr) return;
    std::vector<uint8_t> bytes;
    size_t read = 0;
    do {
      const size_t before = bytes.size();
      bytes.resize(before + kFileChunkBytes);
      read = std::fread(bytes.data() + before, 1, kFileChunkBytes, file);
      bytes.resize(before + read);
    } while (read > 0);
    good_ = std::ferror(file) == 0;
    std::fclose(file);
    length_ = bytes.size();
    digest_ = blake3::hash(bytes);
  }
  void OnOK() override {
    if (!good_) {
      Callback().Call({Env().Undefined(), Napi::Number::New(Env(), 0)});
    } else {
      Callback().Call(
          {copy_out(Env(), digest_), Napi::Number::New(Env(), static_cast<double>(length_))});
    }
  }

  std::string path_;
  bool good_ = false;
  size_t length_ = 0;
  blake3::Digest digest_{};
};

Napi::Value blake3_file(const Napi::CallbackInfo& info) {
  if (!info[0].IsString() || !info[1].IsFunction()) {
    return wrong(info.Env(), "blake3File(path: string, done: (digest?, lengthBytes) => void)");
  }
  const std::string path = info[0].As<Napi::String>();
  (new HashFile(info[1].As<Napi::Function>(), path))->Queue();
  return info.Env().Undefined();
}

Napi::Value open_fabric(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    return wrong(env, "openFabric(path: string, optionsJson: string)");
  }
  auto out = Napi::Object::New(env);
  const std::string reason = host.open(info[0].As<Napi::String>(), info[1].As<Napi::String>());
  if (!reason.empty()) {
    out.Set("refused", reason);
    return out;
  }
  const fabric_device_info& device = host.info();
  out.Set("fabric", host.api().name);
  out.Set("version", host.api().version);
  out.Set("kind", static_cast<double>(device.kind));
  out.Set("caps", static_cast<double>(device.caps));
  out.Set("computeUnits", static_cast<double>(device.compute_units));
  out.Set("memoryTotalBytes", static_cast<double>(device.memory_total_bytes));
  out.Set("memoryFreeBytes", static_cast<double>(device.memory_free_bytes));
  out.Set("device", device.name);
  out.Set("vendor", device.vendor);
  out.Set("driver", device.driver);
  out.Set("isa", device.isa);
  out.Set("kernelDigest", copy_out(env, device.kernel_digest));
  return out;
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

Napi::Object run_object(const Napi::Env& env, plugin::RunResult& result) {
  auto out = Napi::Object::New(env);
  if (result.code == FABRIC_CANCELLED) {
    out.Set("kind", "cancelled");
    return out;
  }
  if (result.code != FABRIC_OK) {
    out.Set("kind", "failed");
    out.Set("code", static_cast<double>(result.code));
    out.Set("reason", result.reason);
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

// One pool for all verifications of the process, made at the first.
runtime::Pool& verifier_pool(unsigned threads) {
  static runtime::Pool pool(threads);
  return pool;
}

// Values whose bytes do not lie on a 4-byte boundary are read from an aligned copy.
std::vector<Bytes> align(const std::vector<Bytes>& values,
                         std::vector<std::vector<uint8_t>>& kept) {
  std::vector<Bytes> out;
  for (const Bytes value : values) {
    if (reinterpret_cast<uintptr_t>(value.data()) % 4 == 0) {
      out.push_back(value);
    } else {
      kept.emplace_back(value.begin(), value.end());
      out.push_back(kept.back());
    }
  }
  return out;
}

Napi::Value fold_verify(const Napi::CallbackInfo& info) {
  constexpr char usage[] =
      "foldVerify(table, values: Uint8Array[], secret: 32 bytes, receiptId: 32 bytes, threads)";
  const Napi::Env env = info.Env();
  const auto table_bytes = bytes_of(info[0]);
  const auto values = list_of(info[1]);
  const auto secret = bytes_of(info[2]);
  const auto receipt = bytes_of(info[3]);
  if (!table_bytes || !values || !secret || secret->size() != 32 || !receipt ||
      receipt->size() != 32 || !info[4].IsNumber()) {
    return wrong(env, usage);
  }
  runtime::Table table;
  if (runtime::parse_table(*table_bytes, table) != nullptr ||
      runtime::first_unsupported(table) != table.ops.size() ||
      values->size() != table.values.size()) {
    return wrong(env, "foldVerify: a sound table and one byte string for each value");
  }
  for (size_t i = 0; i < values->size(); i++) {
    if ((*values)[i].size() != table.values[i].bytes()) {
      return wrong(env, "foldVerify: the length of a value is not that of its type");
    }
  }
  std::vector<std::vector<uint8_t>> kept;
  kept.reserve(values->size());
  const uint64_t start = runtime::now_ns();
  const fold::Verdict verdict = fold::verify(
      table, align(*values, kept), blake3::Key(*secret), std::span<const uint8_t, 32>(*receipt),
      verifier_pool(info[4].As<Napi::Number>().Uint32Value()));
  auto out = Napi::Object::New(env);
  out.Set("valid", verdict.valid);
  out.Set("opIndex", static_cast<double>(verdict.op_index));
  out.Set("element", static_cast<double>(verdict.element));
  out.Set("digests", copy_digests(env, verdict.digests[0].data(), verdict.digests.size()));
  out.Set("micros", static_cast<double>((runtime::now_ns() - start) / 1000));
  return out;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("blake3", Napi::Function::New(env, blake3_now));
  exports.Set("blake3Async", Napi::Function::New(env, blake3_async));
  exports.Set("blake3File", Napi::Function::New(env, blake3_file));
  exports.Set("openFabric", Napi::Function::New(env, open_fabric));
  exports.Set("fabricSupports", Napi::Function::New(env, fabric_supports));
  exports.Set("fabricCost", Napi::Function::New(env, fabric_cost_hint));
  exports.Set("fabricRun", Napi::Function::New(env, fabric_run_table));
  exports.Set("fabricProfile", Napi::Function::New(env, fabric_profile));
  exports.Set("foldVerify", Napi::Function::New(env, fold_verify));
  binding::export_tensor(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(blocktorch, init)
