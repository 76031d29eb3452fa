// The door between JavaScript and native code: checks, unwraps, calls, wraps.
//
//   blake3(bytes, key?)                 digest, at once; for small inputs and child processes
//   blake3Async(bytes, done)            digest on a thread of the event loop's pool
//   blake3File(path, done)              digest and length of a file, likewise
//   foldVerify(table, values, secret, receiptId, threads)   at once; for the verifier process
//   everything of fabric.h
//   and what tensors need (tensor.cpp)
//
// Every argument is checked before a pointer is taken. A wrong call throws a TypeError and does
// nothing. Source of the shapes: src/runtime/io/native-addon.ts.

#include <napi.h>

#include <cstdio>
#include <string>
#include <vector>

#include "binding/fabric.h"
#include "binding/tensor.h"
#include "binding/values.h"
#include "proof/fold.h"
#include "runtime/executor.h"

namespace {

using binding::Bytes;
using binding::bytes_of;
using binding::copy_digests;
using binding::copy_out;
using binding::list_of;
using binding::wrong;

constexpr size_t kFileChunkBytes = 1u << 20;

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
  exports.Set("foldVerify", Napi::Function::New(env, fold_verify));
  binding::export_fabric(env, exports);
  binding::export_tensor(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(blocktorch, init)
