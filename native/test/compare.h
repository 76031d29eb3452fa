// Comparison of tuned kernels with their reference, bit for bit: over odd shapes and hard values,
// on one thread and on three.

#pragma once

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "kernels/kernel.h"
#include "runtime/launch.h"
#include "test/check.h"

namespace compare {

using kernels::Call;
using tensor::Dtype;
using tensor::Shape;

inline Random dice;

// Zeros, subnormals, the bounds of the floor rules, infinities, NaNs, and where the elementary
// functions change their formula.
inline uint32_t hard_bits() {
  static constexpr uint32_t hard[] = {
      0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x0bffffff, 0x0c000000,
      0x8c000001, 0x2b7fffff, 0x2b800000, 0xab800001, 0x3f800000, 0xbf800000, 0x3f800001,
      0x42b17218, 0x42b17219, 0xc2aeac4f, 0xc2aeac50, 0x7f7fffff, 0xff7fffff, 0x7f800000,
      0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0x3effffff, 0x40200000, 0xc0600000,
      0x3f1fffff, 0x3f200000, 0x3f6bffff, 0xbf6c0000, 0xc0b504f3, 0x40b504f4};
  return hard[dice.next() % (sizeof hard / sizeof hard[0])];
}

// `wild` values are anything; `tame` ones keep sums finite, where order would show; `few` hold
// little but ties, zeros and small integers.
enum class Values { wild, tame, few };
inline constexpr Values kAllValues[] = {Values::wild, Values::tame, Values::few};

inline uint32_t word_of(Dtype dtype, Values values) {
  const uint32_t word = static_cast<uint32_t>(dice.next());
  if (values == Values::few && dtype == Dtype::s32) return word % 24 - 4;
  if (dtype != Dtype::f32 || values == Values::wild) {
    return dtype == Dtype::f32 && dice.next() % 3 == 0 ? hard_bits() : word;
  }
  if (values == Values::few) return word % 4 << 30 | (word >> 8 & 1) << 23;
  return (word & 0x83ffffff) | ((0x38 + (dice.next() % 8)) << 24);
}

inline std::vector<uint8_t> draw(const Shape& shape, Values values) {
  std::vector<uint8_t> bytes(shape.bytes());
  const size_t width = tensor::width(shape.dtype);
  for (size_t i = 0; i < bytes.size(); i += width) {
    const uint32_t word = word_of(shape.dtype, values);
    std::memcpy(bytes.data() + i, &word, width);
  }
  return bytes;
}

struct Case {
  uint32_t id;
  std::vector<Shape> args;
  std::vector<uint64_t> attrs;
  Shape out;
};

inline Shape shape(Dtype dtype, const std::vector<uint32_t>& dims) {
  Shape made;
  made.dtype = dtype;
  for (const uint32_t dim : dims) made.dims[made.rank++] = dim;
  return made;
}
inline Shape f32(const std::vector<uint32_t>& dims) { return shape(Dtype::f32, dims); }
inline Shape s8(const std::vector<uint32_t>& dims) { return shape(Dtype::s8, dims); }
inline Shape s32(const std::vector<uint32_t>& dims) { return shape(Dtype::s32, dims); }

// A call without data.
inline Call call_of(const Case& test) {
  Call call;
  call.arg_count = static_cast<uint32_t>(test.args.size());
  call.attr_count = static_cast<uint32_t>(test.attrs.size());
  for (size_t i = 0; i < test.args.size(); i++) call.args[i].shape = test.args[i];
  for (size_t i = 0; i < test.attrs.size(); i++) call.attrs[i] = test.attrs[i];
  call.out.shape = test.out;
  return call;
}

inline std::vector<uint8_t> run(const kernels::Kernel* kernel, Call call, runtime::Pool& pool) {
  // Bytes beyond the output must stay as they are, and none of it is read.
  static constexpr size_t kGuard = 64;
  std::vector<uint8_t> out(call.out.shape.bytes() + kGuard, 0xEE);
  call.out.data = out.data();
  CHECK(runtime::launch(*kernel, call, pool) == runtime::Ending::done);
  for (size_t i = call.out.shape.bytes(); i < out.size(); i++) CHECK(out[i] == 0xEE);
  out.resize(call.out.shape.bytes());
  return out;
}

inline void once(const Case& test, Values values) {
  static runtime::Pool one(1);
  static runtime::Pool three(3);
  const kernels::Kernel* tuned = kernels::find_cpu(test.id, 1);
  const kernels::Kernel* reference = kernels::find_reference(test.id, 1);
  CHECK(tuned != nullptr && reference != nullptr);
  Call call = call_of(test);
  std::vector<std::vector<uint8_t>> data;
  for (size_t i = 0; i < test.args.size(); i++) {
    data.push_back(draw(test.args[i], values));
    call.args[i].data = data.back().data();
  }
  if (!tuned->accepts(call) || !reference->accepts(call)) {
    std::fprintf(stderr, "op %u refuses its case\n", test.id);
    std::exit(1);
  }
  const auto expected = run(reference, call, one);
  if (run(tuned, call, one) != expected || run(tuned, call, three) != expected) {
    std::fprintf(stderr, "%s differs, values %d, output", tuned->name, static_cast<int>(values));
    for (uint32_t i = 0; i < test.out.rank; i++) std::fprintf(stderr, " %u", test.out.dims[i]);
    std::fprintf(stderr, "\n");
    std::exit(1);
  }
}

inline void both(const Case& test, int times = 2) {
  for (int i = 0; i < times; i++) {
    for (const Values values : kAllValues) once(test, values);
  }
}

}  // namespace compare
