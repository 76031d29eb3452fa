// Measures the tuned kernels beside the libraries of libraries.h, in one process, in turn.
//
//   kernels-bench [--only TEXT] [--quick]
//
// TB_BLOCKTORCH_ISA picks our instruction set, OPENBLAS_CORETYPE and DNNL_MAX_CPU_ISA theirs: the
// caller sets all three alike. Prints one JSON object a line: first what was found, then each row.
// With one thread, times are processor time of that thread; with two, wall time.

#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "bench/libraries.h"
#include "bench/measure.h"
#include "kernels/cpu/gemm-avx512.h"
#include "kernels/kernel.h"
#include "runtime/launch.h"
#include "tensor/isa.h"

#ifndef BT_KERNEL_DIGEST
#define BT_KERNEL_DIGEST ""
#endif

namespace {

using bench::Clock;
using kernels::Call;
using tensor::Dtype;
using tensor::Shape;

struct Options {
  std::string only;
  double budget_ms = 1500;
};

Options options;
bench::Libraries libraries;

// --- operands ------------------------------------------------------------------------------------

uint64_t dice = 88172645463325252u;

uint32_t next_word() {
  dice ^= dice << 13;
  dice ^= dice >> 7;
  dice ^= dice << 17;
  return static_cast<uint32_t>((dice * 0x2545F4914F6CDD1Du) >> 32);
}

// Reals in (-1, 1), bytes of any value.
template <typename T>
std::vector<T> draw(size_t count) {
  std::vector<T> values(count);
  for (T& value : values) {
    if constexpr (sizeof(T) == 4) {
      value = static_cast<T>(static_cast<int32_t>(next_word())) * T(0x1p-31);
    } else {
      value = static_cast<T>(next_word());
    }
  }
  return values;
}

Shape shape_of(Dtype dtype, std::initializer_list<size_t> dims) {
  Shape shape;
  shape.dtype = dtype;
  for (const size_t dim : dims) shape.dims[shape.rank++] = static_cast<uint32_t>(dim);
  return shape;
}

// One call of a kernel with operands of its own, run again and again.
class Ours {
 public:
  Ours(uint32_t id, std::vector<Shape> args, std::vector<uint64_t> attrs, Shape out) {
    kernel_ = kernels::find_cpu(id, 1);
    is_tuned_ = kernel_ != kernels::find_reference(id, 1);
    call_.arg_count = static_cast<uint32_t>(args.size());
    call_.attr_count = static_cast<uint32_t>(attrs.size());
    for (size_t i = 0; i < args.size(); i++) {
      const size_t count = args[i].elements();
      if (args[i].dtype == Dtype::f32) {
        reals_.push_back(std::make_unique<std::vector<float>>(draw<float>(count)));
        call_.args[i] = {args[i], reals_.back()->data()};
      } else {
        bytes_.push_back(std::make_unique<std::vector<int8_t>>(draw<int8_t>(count)));
        call_.args[i] = {args[i], bytes_.back()->data()};
      }
    }
    for (size_t i = 0; i < attrs.size(); i++) call_.attrs[i] = attrs[i];
    out_.resize(out.elements());
    call_.out = {out, out_.data()};
  }

  bool is_tuned() const { return is_tuned_; }
  const float* real(size_t arg) const { return call_.args[arg].f32(); }
  const int8_t* byte(size_t arg) const { return call_.args[arg].s8(); }
  const Call& call() const { return call_; }

  void run(runtime::Pool& pool) {
    const std::atomic<bool> never{false};
    runtime::launch(*kernel_, call_, pool, never, workspace_);
  }

 private:
  const kernels::Kernel* kernel_;
  bool is_tuned_;
  Call call_;
  std::vector<std::unique_ptr<std::vector<float>>> reals_;
  std::vector<std::unique_ptr<std::vector<int8_t>>> bytes_;
  std::vector<float> out_;
  runtime::Workspace workspace_;
};

// --- rows ----------------------------------------------------------------------------------------

struct Row {
  std::string op;
  std::string shape;
  unsigned threads = 1;
  // What one run does, and in which unit its rate is told: work / ns gives G<unit>/s.
  double work = 0;
  const char* unit = "";
  std::string reference;
};

bool wanted(const Row& row) {
  const std::string name = row.op + " " + row.shape + " " + std::to_string(row.threads);
  return options.only.empty() || name.find(options.only) != std::string::npos;
}

void print(const Row& row, const bench::Pair& pair, bool has_other) {
  std::printf(
      "{\"op\":\"%s\",\"shape\":\"%s\",\"isa\":\"%s\",\"threads\":%u,\"medianNs\":%.0f,"
      "\"p25Ns\":%.0f,\"bestNs\":%.0f,\"rate\":%.3f,\"bestRate\":%.3f,\"unit\":\"G%s/s\"",
      row.op.c_str(), row.shape.c_str(), isa::name(isa::level()), row.threads, pair.ours.median_ns,
      pair.ours.p25_ns, pair.ours.best_ns, row.work / pair.ours.median_ns,
      row.work / pair.ours.best_ns, row.unit);
  if (has_other) {
    std::printf(
        ",\"reference\":\"%s\",\"referenceMedianNs\":%.0f,\"referenceP25Ns\":%.0f,"
        "\"referenceBestNs\":%.0f,\"ratio\":%.4f,\"bestRatio\":%.4f",
        row.reference.c_str(), pair.other.median_ns, pair.other.p25_ns, pair.other.best_ns,
        pair.ratio, pair.other.best_ns / pair.ours.best_ns);
  }
  std::printf("}\n");
  std::fflush(stdout);
}

using Work = std::function<void()>;

// `other` may be empty: the row then stands without a reference.
void measure(const Row& row, Clock clock, const Work& ours, const Work& other) {
  print(row, bench::compare(clock, options.budget_ms, ours, other ? other : ours),
        static_cast<bool>(other));
}

runtime::Pool& one() {
  static runtime::Pool pool(1);
  return pool;
}

runtime::Pool& two() {
  static runtime::Pool pool(2);
  return pool;
}

std::string square(size_t n) { return std::to_string(n) + "^3"; }

void products_f32() {
  for (const size_t n : {256, 512, 1024, 2048}) {
    const Row row{"matmul_f32", square(n), 1, 2.0 * n * n * n, "flop", libraries.openblas};
    if (!wanted(row)) continue;
    const Shape side = shape_of(Dtype::f32, {n, n});
    Ours ours(1, {side, side}, {}, side);
    std::vector<float> y(n * n);
    const int size = static_cast<int>(n);
    Work other;
    if (libraries.sgemm != nullptr) {
      other = [&] {
        libraries.sgemm(bench::Libraries::Layout::rows, size, size, size, 1.0f, ours.real(0),
                        ours.real(1), y.data());
      };
    }
    measure(
        row, Clock::thread, [&] { ours.run(one()); }, other);
  }
}

// Few rows, as in inference of one sample or a small batch.
void thin_products_f32() {
  for (const size_t m : {1, 4, 16, 64}) {
    const size_t n = 1024;
    const Row row{"matmul_f32",      std::to_string(m) + "x1024x1024", 1, 2.0 * m * n * n, "flop",
                  libraries.openblas};
    if (!wanted(row)) continue;
    Ours ours(1, {shape_of(Dtype::f32, {m, n}), shape_of(Dtype::f32, {n, n})}, {},
              shape_of(Dtype::f32, {m, n}));
    std::vector<float> y(m * n);
    Work other;
    if (libraries.sgemm != nullptr) {
      other = [&] {
        libraries.sgemm(bench::Libraries::Layout::rows, static_cast<int>(m), 1024, 1024, 1.0f,
                        ours.real(0), ours.real(1), y.data());
      };
    }
    measure(
        row, Clock::thread, [&] { ours.run(one()); }, other);
  }
}

void products_s8() {
  for (const size_t n : {256, 512, 1024, 2048}) {
    const Row row{"matmul_s8", square(n), 1, 2.0 * n * n * n, "op", libraries.onednn};
    if (!wanted(row)) continue;
    const Shape side = shape_of(Dtype::s8, {n, n});
    Ours ours(2, {side, side}, {}, shape_of(Dtype::s32, {n, n}));
    std::vector<int32_t> y(n * n);
    const int size = static_cast<int>(n);
    Work other;
    if (libraries.gemm_s8 != nullptr) {
      other = [&] { libraries.gemm_s8(size, size, size, ours.byte(0), ours.byte(1), y.data()); };
    }
    measure(
        row, Clock::thread, [&] { ours.run(one()); }, other);
  }
}

// Wall time on one thread over wall time on two.
void scaling() {
  if (std::thread::hardware_concurrency() < 2) return;
  for (const uint32_t id : {1u, 2u}) {
    for (const size_t n : {512, 1024, 2048}) {
      const Row row{id == 1 ? "matmul_f32" : "matmul_s8",
                    square(n),
                    2,
                    2.0 * n * n * n,
                    id == 1 ? "flop" : "op",
                    "one thread"};
      if (!wanted(row)) continue;
      const Shape side = shape_of(id == 1 ? Dtype::f32 : Dtype::s8, {n, n});
      Ours ours(id, {side, side}, {}, shape_of(id == 1 ? Dtype::f32 : Dtype::s32, {n, n}));
      measure(
          row, Clock::wall, [&] { ours.run(two()); }, [&] { ours.run(one()); });
    }
  }
}

#if BT_X86
// The same product without the floor of operands: not BT-Num, for the price of the rule alone.
struct Unfloored : kernels::gemm::avx512::Reals {
  BT_INLINE_AVX512 __m512i take_a(const void* row, size_t word, size_t depth) {
    const float* from = static_cast<const float*>(row) + word;
    return _mm512_castps_si512(
        _mm512_maskz_loadu_ps(kernels::gemm::avx512::first_lanes(depth - word), from));
  }
  BT_INLINE_AVX512 __m512i take_b(const void* row, size_t word, size_t depth) {
    return take_a(row, word, depth);
  }
};

// What the kernel without the floor multiplies; it has no operands in a call.
kernels::gemm::Product unfloored_product;

kernels::gemm::Product unfloored(const Call&) { return unfloored_product; }

void floor_price() {
  if (isa::level() != isa::Level::avx512) return;
  static constexpr kernels::gemm::Micro kMicro = kernels::gemm::avx512::micro<Unfloored>(4);
  static constexpr kernels::Kernel kKernel = {
      0, 0, "unfloored", nullptr, nullptr, nullptr, nullptr, &kernels::gemm::kSteps<unfloored>};
  for (const size_t n : {256, 512, 1024, 2048}) {
    const Row row{"value_floor", square(n), 1, 2.0 * n * n * n, "flop", "no floor"};
    if (!wanted(row)) continue;
    const Shape side = shape_of(Dtype::f32, {n, n});
    Ours ours(1, {side, side}, {}, side);
    std::vector<float> y(n * n);
    unfloored_product = {};
    unfloored_product.micro = &kMicro;
    unfloored_product.m = unfloored_product.n = unfloored_product.k = n;
    unfloored_product.a = {.data = ours.real(0), .row = n};
    unfloored_product.b = {.data = ours.real(1), .row = n};
    unfloored_product.y = y.data();
    unfloored_product.y_row = n;
    runtime::Workspace workspace;
    const std::atomic<bool> never{false};
    measure(
        row, Clock::thread, [&] { ours.run(one()); },
        [&] { runtime::launch(kKernel, ours.call(), one(), never, workspace); });
  }
}
#else
void floor_price() {}
#endif

std::string sizes(size_t rows, size_t columns) {
  return std::to_string(rows) + "x" + std::to_string(columns);
}

void row_functions() {
  const std::pair<size_t, size_t> shapes[] = {{1024, 1024}, {4096, 64}, {512, 768}};
  for (const auto& [rows, columns] : shapes) {
    const double count = static_cast<double>(rows * columns);
    const Shape matrix = shape_of(Dtype::f32, {rows, columns});
    const Shape vector = shape_of(Dtype::f32, {columns});
    std::vector<float> y(rows * columns);
    const Row softmax{"softmax_f32", sizes(rows, columns), 1, count, "element", libraries.onednn};
    if (wanted(softmax)) {
      Ours ours(50, {matrix}, {}, matrix);
      measure(
          softmax, Clock::thread, [&] { ours.run(one()); },
          libraries.softmax(rows, columns, ours.real(0), y.data()));
    }
    const Row norm{"layernorm_f32", sizes(rows, columns), 1, count, "element", libraries.onednn};
    if (wanted(norm)) {
      Ours ours(75, {matrix, vector, vector}, {0x3727c5ac}, matrix);
      measure(
          norm, Clock::thread, [&] { ours.run(one()); },
          libraries.layernorm(rows, columns, ours.real(0), ours.real(1), ours.real(2), y.data()));
    }
  }
}

void maps() {
  using Map = bench::Libraries::Map;
  // In the second cache, so that arithmetic is what is measured.
  const size_t count = size_t{1} << 16;
  const Shape vector = shape_of(Dtype::f32, {count});
  std::vector<float> y(count);
  const std::tuple<uint32_t, const char*, Map> all[] = {{54, "gelu_f32", Map::gelu},
                                                        {44, "exp_f32", Map::exp}};
  for (const auto& [id, name, map] : all) {
    const Row row{name, std::to_string(count), 1, double(count), "element", libraries.onednn};
    if (!wanted(row)) continue;
    Ours ours(id, {vector}, {}, vector);
    measure(
        row, Clock::thread, [&] { ours.run(one()); },
        libraries.map(map, count, ours.real(0), y.data()));
  }
}

// All heads; against the products of OpenBLAS with the softmax of oneDNN between them.
void attention() {
  const size_t heads = 4, depth = 64;
  for (const size_t length : {512, 1024, 2048}) {
    const Row row{"attention_f32",
                  std::to_string(heads) + "x" + sizes(length, depth),
                  1,
                  4.0 * heads * length * length * depth,
                  "flop",
                  libraries.openblas + " + " + libraries.onednn};
    if (!wanted(row)) continue;
    const Shape side = shape_of(Dtype::f32, {heads, length, depth});
    Ours ours(7, {side, side, side}, {0x3e000000, 0}, side);
    std::vector<float> scores(length * length), weights(length * length), y(length * depth);
    const Work softmax = libraries.softmax(length, length, scores.data(), weights.data());
    Work other;
    if (libraries.sgemm != nullptr && softmax) {
      other = [&] {
        const int t = static_cast<int>(length), d = static_cast<int>(depth);
        for (size_t head = 0; head < heads; head++) {
          const size_t at = head * length * depth;
          libraries.sgemm(bench::Libraries::Layout::rows, t, t, d, 0.125f, ours.real(0) + at,
                          ours.real(1) + at, scores.data());
          softmax();
          libraries.sgemm(bench::Libraries::Layout::plain_b, t, d, t, 1.0f, weights.data(),
                          ours.real(2) + at, y.data());
        }
      };
    }
    measure(
        row, Clock::thread, [&] { ours.run(one()); }, other);
  }
}

// Against memcpy moving as many bytes: two operands read and one written.
void elementwise() {
  for (const size_t count : {size_t{1} << 24, size_t{1} << 16}) {
    const Row row{"add_f32", std::to_string(count), 1, 12.0 * static_cast<double>(count), "B",
                  "memcpy"};
    if (!wanted(row)) continue;
    const Shape vector = shape_of(Dtype::f32, {count});
    Ours ours(10, {vector, vector}, {}, vector);
    const size_t half = 6 * count;
    std::vector<uint8_t> from(half, 1), to(half, 2);
    measure(
        row, Clock::thread, [&] { ours.run(one()); },
        [&] {
          std::memcpy(to.data(), from.data(), half);
          // The copy is not needed by anything that the compiler sees.
          asm volatile("" : : "r"(to.data()) : "memory");
        });
  }
}

}  // namespace

int main(int count, char** arguments) {
  for (int i = 1; i < count; i++) {
    if (std::strcmp(arguments[i], "--quick") == 0) options.budget_ms = 300;
    if (std::strcmp(arguments[i], "--only") == 0 && i + 1 < count) options.only = arguments[++i];
  }
  if (const char* refusal = isa::choice().refusal) {
    std::fprintf(stderr, "%s\n", refusal);
    return 77;
  }
  libraries = bench::open_libraries();
  std::printf(
      "{\"isa\":\"%s\",\"vnni\":%s,\"kernelDigest\":\"%s\",\"openblas\":\"%s\",\"onednn\":\"%s\"}"
      "\n",
      isa::name(isa::level()), isa::choice().vnni ? "true" : "false", BT_KERNEL_DIGEST,
      libraries.openblas.c_str(), libraries.onednn.c_str());
  std::fflush(stdout);
  products_f32();
  thin_products_f32();
  products_s8();
  scaling();
  floor_price();
  row_functions();
  maps();
  attention();
  elementwise();
  return 0;
}
