// Element types, static shapes, and views of tensors: row-major, little-endian, without padding.

#pragma once

#include <cstddef>
#include <cstdint>

namespace tensor {

inline constexpr uint32_t kRankMax = 8;
// Elements of one tensor, as the program floor allows them.
inline constexpr uint64_t kElementsMax = 1ULL << 31;

enum class Dtype : uint32_t { f32 = 1, s8 = 2, s32 = 3 };

inline bool known(uint32_t dtype) { return dtype >= 1 && dtype <= 3; }
inline size_t width(Dtype dtype) { return dtype == Dtype::s8 ? 1 : 4; }

struct Shape {
  Dtype dtype = Dtype::f32;
  uint32_t rank = 0;
  uint32_t dims[kRankMax] = {};

  uint32_t last() const { return dims[rank - 1]; }

  // Precondition of use: `sound`.
  size_t elements() const {
    size_t count = 1;
    for (uint32_t i = 0; i < rank; i++) count *= dims[i];
    return count;
  }
  size_t bytes() const { return elements() * width(dtype); }

  // Rank 1 to 8, no empty axis, at most 2^31 elements.
  bool sound() const {
    if (rank == 0 || rank > kRankMax) return false;
    uint64_t count = 1;
    for (uint32_t i = 0; i < rank; i++) {
      if (dims[i] == 0 || count > kElementsMax / dims[i]) return false;
      count *= dims[i];
    }
    return true;
  }

  bool same_dims(const Shape& other) const {
    if (rank != other.rank) return false;
    for (uint32_t i = 0; i < rank; i++) {
      if (dims[i] != other.dims[i]) return false;
    }
    return true;
  }
};

struct View {
  Shape shape;
  const void* data = nullptr;

  const float* f32() const { return static_cast<const float*>(data); }
  const int8_t* s8() const { return static_cast<const int8_t*>(data); }
  const int32_t* s32() const { return static_cast<const int32_t*>(data); }
};

struct Target {
  Shape shape;
  void* data = nullptr;

  float* f32() const { return static_cast<float*>(data); }
  int8_t* s8() const { return static_cast<int8_t*>(data); }
  int32_t* s32() const { return static_cast<int32_t*>(data); }
};

}  // namespace tensor
