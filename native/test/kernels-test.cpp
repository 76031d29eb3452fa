// Every tuned kernel equals its reference bit for bit: odd shapes, broadcasts, hard values.

#include <atomic>
#include <cstring>
#include <vector>

#include "kernels/kernel.h"
#include "runtime/pool.h"
#include "test/check.h"

namespace {

using kernels::Call;
using tensor::Dtype;
using tensor::Shape;

Random dice;

uint32_t hard_bits() {
  static const uint32_t hard[] = {
      0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x0bffffff, 0x0c000000,
      0x8c000001, 0x2b7fffff, 0x2b800000, 0xab800001, 0x3f800000, 0xbf800000, 0x3f800001,
      0x42b17218, 0x42b17219, 0xc2aeac4f, 0xc2aeac50, 0x7f7fffff, 0xff7fffff, 0x7f800000,
      0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0x3effffff, 0x40200000, 0xc0600000};
  return hard[dice.next() % (sizeof hard / sizeof hard[0])];
}

// `wild` values are anything; tame ones keep sums finite, where order would show.
void fill(std::vector<uint8_t>& bytes, Dtype dtype, bool wild) {
  for (size_t i = 0; i + 4 <= bytes.size() && dtype == Dtype::f32; i += 4) {
    uint32_t word = static_cast<uint32_t>(dice.next());
    if (!wild) word = (word & 0x83ffffff) | ((0x38 + (dice.next() % 8)) << 24);
    if (wild && dice.next() % 3 == 0) word = hard_bits();
    std::memcpy(bytes.data() + i, &word, 4);
  }
  if (dtype != Dtype::f32) {
    for (auto& byte : bytes) byte = static_cast<uint8_t>(dice.next());
  }
}

struct Case {
  uint32_t id;
  std::vector<Shape> args;
  std::vector<uint64_t> attrs;
  Shape out;
};

Shape shape(Dtype dtype, std::vector<uint32_t> dims) {
  Shape result;
  result.dtype = dtype;
  result.rank = static_cast<uint32_t>(dims.size());
  for (size_t i = 0; i < dims.size(); i++) result.dims[i] = dims[i];
  return result;
}

std::vector<uint8_t> run(const kernels::Kernel* kernel, Call call, runtime::Pool& pool) {
  std::vector<uint8_t> out(call.out.shape.bytes(), 0xEE);
  call.out.data = out.data();
  const std::atomic<bool> never{false};
  CHECK(pool.run(kernel->units(call), kernel->slab(call), never,
                 [&](size_t first, size_t last) { kernel->run(call, first, last); }));
  return out;
}

void compare(const Case& test, bool wild) {
  static runtime::Pool one(1);
  static runtime::Pool three(3);
  const kernels::Kernel* tuned = kernels::find_cpu(test.id, 1);
  const kernels::Kernel* reference = kernels::find_reference(test.id, 1);
  CHECK(tuned != nullptr && reference != nullptr);
  std::vector<std::vector<uint8_t>> data;
  Call call;
  call.arg_count = static_cast<uint32_t>(test.args.size());
  call.attr_count = static_cast<uint32_t>(test.attrs.size());
  for (size_t i = 0; i < test.args.size(); i++) {
    data.emplace_back(test.args[i].bytes());
    fill(data.back(), test.args[i].dtype, wild);
    call.args[i] = {test.args[i], data.back().data()};
  }
  for (size_t i = 0; i < test.attrs.size(); i++) call.attrs[i] = test.attrs[i];
  call.out.shape = test.out;
  CHECK(tuned->accepts(call) && reference->accepts(call));
  const auto expected = run(reference, call, one);
  if (run(tuned, call, one) != expected || run(tuned, call, three) != expected) {
    std::fprintf(stderr, "%s differs, wild %d\n", tuned->name, wild);
    std::exit(1);
  }
}

void both(const Case& test) {
  for (int i = 0; i < 4; i++) {
    compare(test, true);
    compare(test, false);
  }
}

void matmuls() {
  const uint32_t sizes[][3] = {{1, 1, 1},     {3, 5, 7},    {8, 32, 512},
                               {9, 33, 513},  {65, 31, 100}, {2, 3, 1537},
                               {70, 40, 1025}, {64, 10, 784}, {131, 65, 600}};
  for (const auto& s : sizes) {
    both({1, {shape(Dtype::f32, {s[0], s[2]}), shape(Dtype::f32, {s[1], s[2]})}, {},
          shape(Dtype::f32, {s[0], s[1]})});
    both({2, {shape(Dtype::s8, {s[0], s[2]}), shape(Dtype::s8, {s[1], s[2]})}, {},
          shape(Dtype::s32, {s[0], s[1]})});
  }
}

void elementwise(std::vector<uint32_t> dims) {
  const Shape f = shape(Dtype::f32, dims);
  const Shape i = shape(Dtype::s32, dims);
  const Shape b = shape(Dtype::s8, dims);
  for (const std::vector<uint32_t>& second : {dims, {dims.back()}, {1u}}) {
    for (const uint32_t id : {10u, 11u, 12u}) both({id, {f, shape(Dtype::f32, second)}, {}, f});
    both({20, {i, shape(Dtype::s32, second)}, {}, i});
  }
  for (const uint64_t factor : {0x3f000000u, 0x80000000u, 0xc2f6e979u, 0x00000001u, 0x7f7fffffu}) {
    both({13, {f}, {factor}, f});
    both({80, {f, f}, {factor}, f});
  }
  for (const uint64_t scale : {0x3c23d70au, 0x0c000000u, 0x7f7fffffu, 0x3f800000u}) {
    both({31, {f}, {scale, static_cast<uint64_t>(-3)}, b});
    both({32, {b}, {scale, static_cast<uint64_t>(-128)}, f});
    both({33, {i}, {scale}, f});
  }
  const uint64_t requantise[][3] = {{1, 1, 0}, {0x7fffffff, 62, 5}, {0x40000000, 38, 127},
                                    {1234567891, 31, static_cast<uint64_t>(-128)}};
  for (const auto& r : requantise) both({30, {i}, {r[0], r[1], r[2]}, b});
  both({40, {f}, {}, f});
  both({41, {b}, {}, b});
  both({42, {f, f}, {}, f});
}

void rows() {
  for (const uint32_t n : {1u, 2u, 63u, 64u, 65u, 1000u, 65536u, 65601u}) {
    const uint32_t m = n > 10000 ? 2 : 5;
    both({50, {shape(Dtype::f32, {m, n})}, {}, shape(Dtype::f32, {m, n})});
    both({71, {shape(Dtype::f32, {m, n})}, {}, shape(Dtype::f32, {m})});
    both({71, {shape(Dtype::f32, {n})}, {}, shape(Dtype::f32, {1})});
    both({70, {shape(Dtype::f32, {n, m})}, {}, shape(Dtype::f32, {m})});
    both({51, {shape(Dtype::f32, {m, n})}, {}, shape(Dtype::s32, {m})});
    both({52, {shape(Dtype::s32, {n})}, {}, shape(Dtype::s32, {1})});
    both({53, {shape(Dtype::s8, {2, m, n})}, {}, shape(Dtype::s32, {2, m})});
    both({60, {shape(Dtype::f32, {n, m})}, {}, shape(Dtype::f32, {m, n})});
    both({61, {shape(Dtype::s8, {m, n})}, {}, shape(Dtype::s8, {n, m})});
  }
}

void refuses_what_does_not_fit() {
  Call call;
  call.arg_count = 2;
  call.args[0].shape = shape(Dtype::f32, {2, 3});
  call.args[1].shape = shape(Dtype::f32, {4, 5});
  call.out.shape = shape(Dtype::f32, {2, 4});
  const kernels::Kernel* matmul = kernels::find_cpu(1, 1);
  CHECK(!matmul->accepts(call));
  call.args[1].shape = shape(Dtype::f32, {4, 3});
  CHECK(matmul->accepts(call));
  call.out.shape = shape(Dtype::f32, {2, 5});
  CHECK(!matmul->accepts(call));
  CHECK(kernels::find_cpu(1, 2) == nullptr && kernels::find_cpu(999, 1) == nullptr);
}

}  // namespace

int main() {
  matmuls();
  elementwise({7, 33});
  elementwise({131});
  elementwise({2, 3, 5, 1});
  elementwise({257, 300});
  rows();
  refuses_what_does_not_fit();
  return 0;
}
