// Every tuned kernel of products, elementwise ops and rows equals its reference bit for bit.

#include "test/compare.h"

namespace {

using compare::both;
using compare::f32;
using compare::s32;
using compare::s8;
using compare::Shape;

void products() {
  const uint32_t sizes[][3] = {{1, 1, 1},      {3, 5, 7},     {8, 32, 512},
                               {9, 33, 513},   {65, 31, 100}, {2, 3, 1537},
                               {70, 40, 1025}, {64, 10, 784}, {131, 65, 600}};
  for (const auto& [m, n, k] : sizes) {
    both({1, {f32({m, k}), f32({n, k})}, {}, f32({m, n})});
    both({2, {s8({m, k}), s8({n, k})}, {}, s32({m, n})});
    const uint32_t batch = m < 64 ? 3 : 2;
    both({3, {f32({batch, m, k}), f32({batch, n, k})}, {}, f32({batch, m, n})}, 1);
  }
}

// Beyond what one thread packs at once: several blocks of rows, of columns, of k.
void large_products() {
  const uint32_t sizes[][3] = {{700, 40, 30}, {300, 35, 1100}, {700, 2100, 3}, {5, 3, 65536}};
  for (const auto& [m, n, k] : sizes) {
    both({1, {f32({m, k}), f32({n, k})}, {}, f32({m, n})}, 1);
    both({2, {s8({m, k}), s8({n, k})}, {}, s32({m, n})}, 1);
  }
  both({3, {f32({3, 690, 7}), f32({3, 33, 7})}, {}, f32({3, 690, 33})}, 1);
}

// Any remainder of rows, columns and k at once.
void random_products() {
  for (int i = 0; i < 120; i++) {
    const auto below = [](uint32_t limit) {
      return static_cast<uint32_t>(1 + compare::dice.next() % limit);
    };
    const uint32_t m = below(60), n = below(70), k = below(i % 4 == 0 ? 1200 : 90);
    const auto values = compare::kAllValues[i % 3];
    compare::once({1, {f32({m, k}), f32({n, k})}, {}, f32({m, n})}, values);
    compare::once({2, {s8({m, k}), s8({n, k})}, {}, s32({m, n})}, values);
  }
}

// The largest sums of bytes there are, of either sign, at the depth that the op allows.
void deepest_product() {
  const uint32_t k = 65536;
  const kernels::Kernel* kernel = kernels::find_cpu(2, 1);
  runtime::Pool pool(2);
  for (const int8_t left : {-128, 127}) {
    const std::vector<int8_t> a(17 * k, left), b(33 * k, -128);
    std::vector<int32_t> y(17 * 33);
    kernels::Call call = compare::call_of({2, {s8({17, k}), s8({33, k})}, {}, s32({17, 33})});
    call.args[0].data = a.data();
    call.args[1].data = b.data();
    call.out.data = y.data();
    CHECK(runtime::launch(*kernel, call, pool) == runtime::Ending::done);
    for (const int32_t sum : y) CHECK(sum == left * -128 * static_cast<int32_t>(k));
  }
}

void binary(const std::vector<uint32_t>& dims) {
  for (const std::vector<uint32_t>& second : {dims, {dims.back()}, {1u}}) {
    for (const uint32_t id : {10, 11, 12, 14, 15, 16, 17}) {
      both({id, {f32(dims), f32(second)}, {}, f32(dims)});
    }
    for (const uint32_t id : {20, 21, 22}) both({id, {s32(dims), s32(second)}, {}, s32(dims)});
  }
}

void elementwise(const std::vector<uint32_t>& dims) {
  const Shape f = f32(dims);
  const Shape i = s32(dims);
  const Shape b = s8(dims);
  binary(dims);
  for (const uint64_t factor : {0x3f000000u, 0x80000000u, 0xc2f6e979u, 0x00000001u, 0x7f7fffffu}) {
    for (const uint32_t id : {13, 18}) both({id, {f}, {factor}, f});
    for (const uint32_t id : {19, 80}) both({id, {f, f}, {factor}, f});
    both({57, {f}, {0xbf800000, factor}, f});
    both({57, {f}, {factor, 0x3f800000}, f});
  }
  for (const uint64_t scale : {0x3c23d70au, 0x0c000000u, 0x7f7fffffu, 0x3f800000u}) {
    both({31, {f}, {scale, static_cast<uint64_t>(-3)}, b});
    both({32, {b}, {scale, static_cast<uint64_t>(-128)}, f});
    both({33, {i}, {scale}, f});
  }
  const uint64_t requantise[][3] = {{1, 1, 0},
                                    {0x7fffffff, 62, 5},
                                    {0x40000000, 38, 127},
                                    {1234567891, 31, static_cast<uint64_t>(-128)}};
  for (const auto& r : requantise) both({30, {i}, {r[0], r[1], r[2]}, b});
  both({34, {b}, {}, i});
  both({35, {f}, {}, i});
  for (const uint32_t id : {40, 43, 44, 45, 46, 47, 48, 49, 54, 55, 56}) both({id, {f}, {}, f}, 4);
  both({41, {b}, {}, b});
  both({42, {f, f}, {}, f});
  both({23, {f, f, f}, {}, f});
}

void rows() {
  for (const uint32_t n : {1u, 2u, 17u, 63u, 64u, 65u, 130u, 1000u, 65536u, 65601u, 131079u}) {
    const uint32_t m = n > 10000 ? 2 : 5;
    for (const std::vector<uint32_t>& lead : {std::vector<uint32_t>{m}, {2, 1, m}}) {
      if (n > 10000 && lead.size() > 1) continue;
      std::vector<uint32_t> dims = lead;
      dims.push_back(n);
      both({50, {f32(dims)}, {}, f32(dims)});
      for (const uint32_t id : {71, 73, 74}) both({id, {f32(dims)}, {}, f32(lead)});
      for (const uint64_t eps : {0x3727c5acu, 0x00000000u, 0xbf800000u}) {
        both({75, {f32(dims), f32({n}), f32({n})}, {eps}, f32(dims)}, 1);
        both({76, {f32(dims), f32({n})}, {eps}, f32(dims)}, 1);
      }
      both({51, {f32(dims)}, {}, s32(lead)});
      both({52, {s32(dims)}, {}, s32(lead)});
      both({53, {s8(dims)}, {}, s32(lead)});
    }
    for (const uint32_t id : {71, 73, 74}) both({id, {f32({n})}, {}, f32({1})});
    both({70, {f32({n, m})}, {}, f32({m})});
    both({70, {f32({m, n})}, {}, f32({n})});
  }
}

}  // namespace

int main() {
  products();
  large_products();
  random_products();
  deepest_product();
  elementwise({7, 33});
  elementwise({131});
  elementwise({2, 1, 3, 1, 2, 1, 5, 1});
  elementwise({223, 300});
  rows();
  return 0;
}
