// attention_f32, a unit being one row of the output; mask_causal_f32 and rope_f32, a unit being one
// element.

#include <vector>

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

using scalar::floor;
using scalar::load;
using scalar::store;

void attention_f32(const Call& c, size_t first, size_t last) {
  const size_t queries = c.args[0].shape.dims[1];
  const size_t keys = c.args[1].shape.dims[1];
  const size_t depth = c.args[0].shape.dims[2];
  const size_t width = c.args[2].shape.dims[2];
  const float scale = c.real(0);
  const bool causal = c.integer(1) == 1;
  std::vector<float> o(width);
  for (size_t row = first; row < last; row++) {
    const size_t group = row / queries;
    const size_t i = row % queries;
    const float* q = c.args[0].f32() + row * depth;
    const float* k = c.args[1].f32() + group * keys * depth;
    const float* v = c.args[2].f32() + group * keys * width;
    const size_t seen = causal ? i + keys - queries + 1 : keys;
    float m = -scalar::infinity();
    float l = 0.0f;
    o.assign(width, 0.0f);
    for (size_t t = 0; t < seen; t += scalar::kTileKeys) {
      const size_t count = seen - t < scalar::kTileKeys ? seen - t : scalar::kTileKeys;
      float score[scalar::kTileKeys];
      for (size_t j = 0; j < count; j++) {
        float acc = 0.0f;
        for (size_t d = 0; d < depth; d++) {
          acc = scalar::fma(floor(q[d]), floor(k[(t + j) * depth + d]), acc);
        }
        score[j] = store(floor(acc) * floor(load(scale)));
      }
      float top = m;
      for (size_t j = 0; j < count; j++) top = scalar::hi(top, score[j]);
      if (top == -scalar::infinity()) continue;
      float p[scalar::kTileKeys];
      for (size_t j = 0; j < count; j++) p[j] = store(scalar::exp(score[j] - top));
      const float r = store(scalar::exp(m - top));
      const float sum = scalar::lanesum(count, [&](size_t j) { return p[j]; });
      l = store(scalar::fma(floor(l), floor(r), sum));
      for (size_t e = 0; e < width; e++) {
        float acc = floor(o[e]) * floor(r);
        for (size_t j = 0; j < count; j++) {
          acc = scalar::fma(floor(p[j]), floor(v[(t + j) * width + e]), acc);
        }
        o[e] = store(acc);
      }
      m = top;
    }
    for (size_t e = 0; e < width; e++) c.out.f32()[row * width + e] = store(o[e] / l);
  }
}

void mask_causal_f32(const Call& c, size_t first, size_t last) {
  const tensor::Shape& shape = c.out.shape;
  const size_t keys = shape.last();
  const size_t queries = shape.dims[shape.rank - 2];
  for (size_t i = first; i < last; i++) {
    const size_t s = i % keys;
    const size_t t = i / keys % queries;
    c.out.f32()[i] = s > t + keys - queries ? -scalar::infinity() : store(load(c.args[0].f32()[i]));
  }
}

void rope_f32(const Call& c, size_t first, size_t last) {
  const tensor::Shape& shape = c.out.shape;
  const size_t width = shape.last();
  const size_t half = width / 2;
  const size_t positions = shape.dims[shape.rank - 2];
  for (size_t number = first; number < last; number++) {
    const size_t row = number / width;
    const size_t i = number % half;
    const size_t angle = row % positions * half + i;
    const float x1 = c.args[0].f32()[row * width + i];
    const float x2 = c.args[0].f32()[row * width + i + half];
    const float cosine = c.args[1].f32()[angle];
    const float sine = c.args[2].f32()[angle];
    const float y1 = store(scalar::fma(floor(x1), floor(cosine), -store(floor(x2) * floor(sine))));
    const float y2 = store(scalar::fma(floor(x2), floor(cosine), store(floor(x1) * floor(sine))));
    c.out.f32()[number] = number % width < half ? y1 : y2;
  }
}

constexpr Kernel kKernels[] = {
    {7, 1, "attention_f32", rule::attention_f32, out_rows, slab, attention_f32},
    {8, 1, "mask_causal_f32", rule::mask_causal_f32, elements, slab, mask_causal_f32},
    {9, 1, "rope_f32", rule::rope_f32, elements, slab, rope_f32},
};

}  // namespace

std::span<const Kernel> attention() { return kKernels; }

}  // namespace kernels::reference
