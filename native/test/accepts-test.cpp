// A kernel takes what its rule allows and refuses everything beside it: counts, dtypes, shapes,
// attributes at and beyond their bounds, words that overflow.

#include <functional>

#include "test/compare.h"

namespace {

using compare::Case;
using compare::Dtype;
using compare::f32;
using compare::s32;
using compare::s8;
using compare::Shape;
using kernels::Call;

constexpr uint64_t kHalf = 0x3f000000;
constexpr uint64_t kNegative = ~uint64_t{0};

bool accepts(const Case& test) {
  const kernels::Kernel* tuned = kernels::find_cpu(test.id, 1);
  const kernels::Kernel* reference = kernels::find_reference(test.id, 1);
  CHECK(tuned != nullptr && reference != nullptr);
  const Call call = compare::call_of(test);
  CHECK(tuned->accepts(call) == reference->accepts(call));
  return tuned->accepts(call);
}

void refused(const Case& test, const char* why) {
  if (!accepts(test)) return;
  std::fprintf(stderr, "op %u takes what it must refuse: %s\n", test.id, why);
  std::exit(1);
}

Case changed(Case test, const std::function<void(Case&)>& change) {
  change(test);
  return test;
}

// One sound case of each op.
std::vector<Case> sound() {
  const Shape f = f32({4, 6});
  const Shape image = f32({2, 6, 7, 4});
  const std::vector<uint64_t> conv = {2, 1, 1, 0, 2, 1, 1, 2, 2};
  const std::vector<uint64_t> pool = {3, 2, 2, 1, 1, 1, 2, 0};
  std::vector<Case> cases = {
      {1, {f, f32({5, 6})}, {}, f32({4, 5})},
      {2, {s8({4, 6}), s8({5, 6})}, {}, s32({4, 5})},
      {3, {f32({2, 4, 6}), f32({2, 5, 6})}, {}, f32({2, 4, 5})},
      {4, {image, f32({6, 3, 2, 2})}, conv, f32({2, 4, 6, 6})},
      {5, {s8({2, 6, 7, 4}), s8({6, 3, 2, 2})}, conv, s32({2, 4, 6, 6})},
      {7, {f32({2, 4, 6}), f32({2, 5, 6}), f32({2, 5, 3})}, {kHalf, 1}, f32({2, 4, 3})},
      {8, {f}, {}, f},
      {9, {f, f32({4, 3}), f32({4, 3})}, {}, f},
      {23, {f, f, f}, {}, f},
      {30, {s32({4, 6})}, {1, 1, 0}, s8({4, 6})},
      {31, {f}, {kHalf, 0}, s8({4, 6})},
      {32, {s8({4, 6})}, {kHalf, 0}, f},
      {33, {s32({4, 6})}, {kHalf}, f},
      {34, {s8({4, 6})}, {}, s32({4, 6})},
      {35, {f}, {}, s32({4, 6})},
      {41, {s8({4, 6})}, {}, s8({4, 6})},
      {42, {f, f}, {}, f},
      {57, {f}, {kHalf, kHalf}, f},
      {51, {f}, {}, s32({4})},
      {52, {s32({4, 6})}, {}, s32({4})},
      {53, {s8({6})}, {}, s32({1})},
      {60, {f}, {}, f32({6, 4})},
      {61, {s8({4, 6})}, {}, s8({6, 4})},
      {70, {f}, {}, f32({6})},
      {75, {f, f32({6}), f32({6})}, {kHalf}, f},
      {76, {f, f32({6})}, {kHalf}, f},
      {90, {image}, pool, f32({2, 4, 7, 4})},
      {91, {image}, {3, 2, 2, 1, 1, 1, 2, 0, 1}, f32({2, 4, 7, 4})},
      {92, {image, f32({2, 4, 7, 4})}, pool, image},
      {106, {f32({1, 6})}, {3, 4, 6, 0, 0, 0, 0, 0}, f32({3, 4, 6})},
      {110, {f}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0}, f32({5, 9})},
      {111, {f, f32({4, 2})}, {1}, f32({4, 8})},
      {112, {s8({4, 6}), s8({1, 6})}, {0}, s8({5, 6})},
      {113, {f, s32({3, 2})}, {}, f32({3, 2, 6})},
      {114, {s32({3, 2})}, {9}, f32({3, 2, 9})},
      {115, {f}, {1, 0, 0, 0, 0, 0, 0, 0}, f},
      {116, {f32({2, 3, 4, 5})}, {2, 3}, f32({2, 5, 10, 5})},
  };
  for (const uint32_t id : {10, 11, 12, 14, 15, 16, 17}) cases.push_back({id, {f, f}, {}, f});
  for (const uint32_t id : {20, 21, 22}) {
    cases.push_back({id, {s32({4, 6}), s32({6})}, {}, s32({4, 6})});
  }
  for (const uint32_t id : {13, 18}) cases.push_back({id, {f}, {kHalf}, f});
  for (const uint32_t id : {19, 80}) cases.push_back({id, {f, f}, {kHalf}, f});
  for (const uint32_t id : {40, 43, 44, 45, 46, 47, 48, 49, 50, 54, 55, 56}) {
    cases.push_back({id, {f}, {}, f});
  }
  for (const uint32_t id : {71, 73, 74}) cases.push_back({id, {f}, {}, f32({4})});
  uint32_t step = 0;
  for (const auto& make : {f32, s8, s32}) {
    cases.push_back({100 + step, {make({4, 6})}, {1, 0, 2, 3, 4, 5, 6, 7}, make({6, 4})});
    cases.push_back({103 + step, {make({4, 6})}, {3, 8, 0, 0, 0, 0, 0, 0}, make({3, 8})});
    cases.push_back({107 + step,
                     {make({4, 6})},
                     {1, 0, 0, 0, 0, 0, 0, 0, 3, 5, 0, 0, 0, 0, 0, 0},
                     make({3, 5})});
    step++;
  }
  return cases;
}

// What no op takes, whatever its rule.
void refuses_in_general(const Case& test) {
  CHECK(accepts(test));
  refused(changed(test, [](Case& c) { c.args.push_back(c.args[0]); }), "an operand too many");
  refused(changed(test, [](Case& c) { c.args.pop_back(); }), "an operand too few");
  if (test.attrs.size() < kernels::kAttrsMax) {
    refused(changed(test, [](Case& c) { c.attrs.push_back(0); }), "an attribute too many");
  }
  if (!test.attrs.empty()) {
    refused(changed(test, [](Case& c) { c.attrs.pop_back(); }), "an attribute too few");
  }
  for (size_t i = 0; i < test.attrs.size(); i++) {
    const bool zero_point = test.id == 30 ? i == 2 : i == 1 && (test.id == 31 || test.id == 32);
    for (const uint64_t word : {kNegative, uint64_t{1} << 63, uint64_t{1} << 32}) {
      if (zero_point && word == kNegative) continue;
      refused(changed(test, [&](Case& c) { c.attrs[i] = word; }), "a huge attribute");
    }
  }
  const auto each_shape = [&](const std::function<void(Shape&)>& change, const char* why) {
    refused(changed(test, [&](Case& c) { change(c.out); }), why);
    for (size_t i = 0; i < test.args.size(); i++) {
      refused(changed(test, [&](Case& c) { change(c.args[i]); }), why);
    }
  };
  each_shape([](Shape& s) { s.rank = 0; }, "rank 0");
  each_shape([](Shape& s) { s.rank = 9; }, "rank 9");
  each_shape([](Shape& s) { s.dims[0] = 0; }, "an empty axis");
  each_shape([](Shape& s) { s.dims[s.rank - 1] = 0xffffffff; }, "too many elements");
  // These read as much of the last axis as there is, or a part of it.
  static constexpr uint32_t any_length[] = {51, 52, 53, 71, 73, 74, 107, 108, 109};
  if (std::find(std::begin(any_length), std::end(any_length), test.id) == std::end(any_length)) {
    each_shape([](Shape& s) { s.dims[s.rank - 1] += 100; }, "another last axis");
  }
  each_shape([](Shape& s) { s.dtype = s.dtype == Dtype::s8 ? Dtype::s32 : Dtype::s8; },
             "another dtype");
}

void refuses_attributes() {
  const auto with = [](Case test, size_t index, uint64_t word) {
    test.attrs[index] = word;
    return test;
  };
  for (const Case& test : sound()) {
    const bool real = test.id == 13 || test.id == 18 || test.id == 19 || test.id == 80 ||
                      test.id == 57 || test.id == 75 || test.id == 76 || test.id == 7;
    const bool scale = test.id == 31 || test.id == 32 || test.id == 33;
    if (real || scale) {
      for (const uint64_t word : {0x7f800000u, 0xff800000u, 0x7fc00000u}) {
        refused(with(test, 0, word), "no finite number");
      }
      CHECK(accepts(with(test, 0, 0x7f7fffff)));
      CHECK(accepts(with(test, 0, 0x0c000000)));
    }
    if (real) CHECK(accepts(with(test, 0, 0x80000001)));
    if (scale) {
      for (const uint64_t word : {0x0bffffffu, 0u, 0x80000000u, 0xbf800000u}) {
        refused(with(test, 0, word), "no positive number");
      }
      if (test.id != 33) {
        refused(with(test, 1, 128), "zero point");
        refused(with(test, 1, static_cast<uint64_t>(-129)), "zero point");
        CHECK(accepts(with(test, 1, static_cast<uint64_t>(-128))));
      }
    }
    if (test.id == 30) {
      refused(with(test, 0, 0), "multiplier");
      refused(with(test, 0, uint64_t{1} << 31), "multiplier");
      refused(with(test, 1, 0), "shift");
      refused(with(test, 1, 63), "shift");
      refused(with(test, 2, 128), "zero point");
    }
    if (test.id == 7) refused(with(test, 1, 2), "causal");
    if (test.id == 91) refused(with(test, 8, 2), "counted");
    if (test.id == 90 || test.id == 91 || test.id == 92) {
      for (const size_t size : {0, 1, 2, 3}) {
        refused(with(test, size, 0), "kernel or stride");
        refused(with(test, size, 65536), "kernel or stride");
      }
      refused(with(test, 4, 3), "a pad as large as its kernel");
      refused(with(test, 5, 2), "a pad as large as its kernel");
    }
    if (test.id == 4 || test.id == 5) {
      for (const size_t size : {0, 1, 6, 7, 8}) {
        refused(with(test, size, 0), "stride, dilation or groups");
        refused(with(test, size, 65536), "stride, dilation or groups");
      }
      refused(with(test, 2, 65536), "pad");
      refused(with(test, 8, 3), "groups that do not divide");
      refused(with(test, 6, 65535), "a kernel larger than the padded input");
    }
  }
}

void refuses_shapes() {
  refused({3, {f32({2, 4, 6}), f32({3, 5, 6})}, {}, f32({2, 4, 5})}, "another batch");
  refused({7, {f32({1, 4, 513}), f32({1, 4, 513}), f32({1, 4, 1})}, {kHalf, 0}, f32({1, 4, 1})},
          "513 numbers a key");
  refused({7, {f32({1, 5, 2}), f32({1, 4, 2}), f32({1, 4, 1})}, {kHalf, 1}, f32({1, 5, 1})},
          "fewer keys than queries behind a mask");
  CHECK(accepts({7, {f32({1, 5, 2}), f32({1, 4, 2}), f32({1, 4, 1})}, {kHalf, 0}, f32({1, 5, 1})}));
  refused({8, {f32({5, 4})}, {}, f32({5, 4})}, "fewer keys than queries");
  refused({8, {f32({4})}, {}, f32({4})}, "a vector");
  refused({9, {f32({4, 5}), f32({4, 2}), f32({4, 2})}, {}, f32({4, 5})}, "an odd row");
  refused({10, {f32({4, 6}), f32({4, 1})}, {}, f32({4, 6})}, "a column");
  refused({10, {f32({4, 6}), f32({1, 6})}, {}, f32({4, 6})}, "a row of rank 2");
  CHECK(accepts({10, {f32({4, 6}), f32({1})}, {}, f32({4, 6})}));
  refused({2, {s8({1, 65537}), s8({1, 65537})}, {}, s32({1, 1})}, "too deep");
  refused({5,
           {s8({1, 1, 1, 65537}), s8({1, 1, 1, 65537})},
           {1, 1, 0, 0, 0, 0, 1, 1, 1},
           s32({1, 1, 1, 1})},
          "too deep");
  refused({100, {f32({4, 4})}, {0, 0, 2, 3, 4, 5, 6, 7}, f32({4, 4})}, "an axis twice");
  refused({100, {f32({4, 4})}, {0, 1, 3, 2, 4, 5, 6, 7}, f32({4, 4})}, "beyond the rank");
  refused({103, {f32({4, 6})}, {24, 0, 1, 0, 0, 0, 0, 0}, f32({24})}, "dimensions after a zero");
  refused({103, {f32({4, 6})}, {5, 5, 0, 0, 0, 0, 0, 0}, f32({5, 5})}, "another count");
  refused({106, {f32({2, 6})}, {4, 6, 0, 0, 0, 0, 0, 0}, f32({4, 6})}, "half of an axis");
  refused({106, {f32({1, 4, 6})}, {4, 6, 0, 0, 0, 0, 0, 0}, f32({4, 6})}, "a higher rank");
  refused({107, {f32({4})}, {2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, f32({3})},
          "beyond the end");
  refused({107, {f32({4})}, {kNegative - 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, f32({3})},
          "a start that overflows");
  refused({110,
           {f32({1})},
           {(1 << 24) + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
           f32({(1 << 24) + 2})},
          "a pad too wide");
  refused({111, {f32({4, 6}), f32({3, 6})}, {1}, f32({4, 12})}, "other dimensions");
  refused({111, {f32({4}), f32({4})}, {1}, f32({8})}, "an axis beyond the rank");
  refused({113, {f32({4, 2}), s32({1, 1, 1, 1, 1, 1, 1, 1})}, {}, f32({1, 1, 1, 1, 1, 1, 1, 1})},
          "rank 9");
  refused({114, {s32({3})}, {0}, f32({3, 1})}, "no classes");
  refused({115, {f32({4})}, {0, 1, 0, 0, 0, 0, 0, 0}, f32({4})}, "an axis beyond the rank");
  refused({115, {f32({4})}, {2, 0, 0, 0, 0, 0, 0, 0}, f32({4})}, "neither 0 nor 1");
}

}  // namespace

int main() {
  for (const Case& test : sound()) refuses_in_general(test);
  refuses_attributes();
  refuses_shapes();
  CHECK(kernels::find_cpu(1, 2) == nullptr && kernels::find_cpu(999, 1) == nullptr);
  CHECK(kernels::find_reference(1, 2) == nullptr && kernels::find_reference(0, 1) == nullptr);
  return 0;
}
