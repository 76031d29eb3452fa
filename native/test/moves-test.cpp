// The ops that place elements elsewhere equal their reference bit for bit: every rank, axes of one
// element, runs shorter and longer than a vector.

#include <numeric>

#include "test/compare.h"

namespace {

using compare::both;
using compare::f32;
using compare::s32;
using compare::s8;
using compare::Shape;

using Dims = std::vector<uint32_t>;
using Attrs = std::vector<uint64_t>;

Attrs widened(Attrs attrs, size_t count) {
  attrs.resize(count);
  return attrs;
}

void transposes() {
  for (const uint32_t n : {1u, 2u, 31u, 32u, 33u, 65u, 1000u}) {
    for (const uint32_t m : {1u, 5u, 64u, 70u}) {
      both({60, {f32({n, m})}, {}, f32({m, n})});
      both({61, {s8({m, n})}, {}, s8({n, m})});
    }
  }
}

void permute(const Dims& a, const Attrs& order) {
  Dims y;
  for (const uint64_t axis : order) y.push_back(a[axis]);
  Attrs attrs = order;
  for (uint64_t axis = order.size(); axis < 8; axis++) attrs.push_back(axis);
  both({100, {f32(a)}, attrs, f32(y)}, 1);
  both({101, {s8(a)}, attrs, s8(y)}, 1);
  both({102, {s32(a)}, attrs, s32(y)}, 1);
}

void permutes() {
  for (const Dims& a : {Dims{5, 1, 7, 3}, {1, 33, 2, 65}, {34, 35, 1, 2}}) {
    Attrs order = {0, 1, 2, 3};
    do permute(a, order);
    while (std::next_permutation(order.begin(), order.end()));
  }
  permute({9}, {0});
  permute({70, 65}, {1, 0});
  permute({3, 40, 8, 16}, {0, 2, 1, 3});
  permute({2, 3, 1, 2, 3, 2, 1, 5}, {7, 3, 0, 6, 1, 5, 2, 4});
  permute({2, 1, 2, 3, 2, 2, 3, 2}, {0, 2, 1, 3, 5, 4, 6, 7});
  permute({300, 3, 200}, {2, 1, 0});
}

void reshape(const Dims& a, const Dims& y) {
  const Attrs attrs = widened({y.begin(), y.end()}, 8);
  both({103, {f32(a)}, attrs, f32(y)});
  both({104, {s8(a)}, attrs, s8(y)});
  both({105, {s32(a)}, attrs, s32(y)});
}

void expand(const Dims& a, const Dims& y) {
  both({106, {f32(a)}, widened({y.begin(), y.end()}, 8), f32(y)});
}

void slice(const Dims& a, const Dims& start, const Dims& size) {
  Attrs attrs = widened({start.begin(), start.end()}, 8);
  attrs.insert(attrs.end(), size.begin(), size.end());
  attrs.resize(16);
  both({107, {f32(a)}, attrs, f32(size)});
  both({108, {s8(a)}, attrs, s8(size)});
  both({109, {s32(a)}, attrs, s32(size)});
}

void pad(const Dims& a, const Dims& before, const Dims& after) {
  Attrs attrs = widened({before.begin(), before.end()}, 8);
  attrs.insert(attrs.end(), after.begin(), after.end());
  Dims y = a;
  for (size_t axis = 0; axis < a.size(); axis++) y[axis] += before[axis] + after[axis];
  both({110, {f32(a)}, widened(attrs, 16), f32(y)});
}

void concat(const Dims& a, uint32_t axis, uint32_t length) {
  Dims b = a;
  b[axis] = length;
  Dims y = a;
  y[axis] += length;
  both({111, {f32(a), f32(b)}, {axis}, f32(y)});
  both({112, {s8(a), s8(b)}, {axis}, s8(y)});
}

void gather(const Dims& a, const Dims& index) {
  Dims y = index;
  y.insert(y.end(), a.begin() + 1, a.end());
  both({113, {f32(a), s32(index)}, {}, f32(y)});
}

void one_hot(const Dims& index, uint32_t classes) {
  Dims y = index;
  y.push_back(classes);
  both({114, {s32(index)}, {classes}, f32(y)});
}

void flip(const Dims& a, const Attrs& axes) { both({115, {f32(a)}, widened(axes, 8), f32(a)}); }

void dilate(const Dims& x, uint32_t h, uint32_t w) {
  const Dims y = {x[0], (x[1] - 1) * h + 1, (x[2] - 1) * w + 1, x[3]};
  both({116, {f32(x)}, {h, w}, f32(y)});
}

}  // namespace

int main() {
  transposes();
  permutes();
  reshape({5, 1, 77}, {7, 55});
  reshape({1}, {1, 1, 1, 1, 1, 1, 1, 1});
  reshape({300, 301}, {90300});
  expand({1}, {3, 1, 70});
  expand({5, 1, 7}, {5, 6, 7});
  expand({5, 1}, {2, 3, 5, 40});
  expand({1, 3, 1, 2}, {2, 1, 2, 2, 5, 3, 4, 2});
  expand({70, 200}, {3, 70, 200});
  slice({9}, {2}, {5});
  slice({5, 70, 6}, {1, 0, 2}, {3, 70, 4});
  slice({2, 3, 4, 2, 3, 4, 2, 100}, {1, 0, 1, 0, 2, 1, 0, 33}, {1, 3, 2, 2, 1, 3, 1, 65});
  slice({300, 400}, {10, 0}, {200, 400});
  pad({1}, {0}, {0});
  pad({5, 7}, {1, 0}, {0, 3});
  pad({2, 3, 1, 2, 3, 2, 1, 5}, {0, 1, 0, 2, 0, 0, 1, 3}, {1, 0, 2, 0, 0, 1, 0, 64});
  pad({1, 14, 14, 64}, {0, 1, 1, 0}, {0, 1, 1, 0});
  pad({3}, {70000}, {5});
  concat({7}, 0, 3);
  concat({5, 1, 7}, 1, 4);
  concat({70, 33}, 1, 65);
  concat({2, 3, 1, 2, 3, 2, 1, 5}, 4, 2);
  gather({1}, {1});
  gather({11, 7}, {3, 5});
  gather({9}, {2, 3, 4});
  gather({13, 2, 70}, {2, 1, 2, 1, 5, 1});
  gather({20, 1}, {300});
  one_hot({1}, 1);
  one_hot({3, 5}, 9);
  one_hot({2, 1, 2, 1, 3, 1, 2}, 130);
  flip({1}, {1});
  flip({131}, {1});
  flip({5, 6, 7}, {1, 0, 1});
  flip({5, 6, 70}, {0, 1, 0});
  flip({2, 3, 1, 2, 3, 2, 1, 5}, {1, 1, 1, 0, 1, 0, 1, 1});
  dilate({1, 1, 1, 1}, 65535, 65535);
  dilate({2, 3, 4, 5}, 2, 3);
  dilate({2, 7, 7, 64}, 1, 2);
  dilate({1, 3, 1, 40}, 4, 9);
  return 0;
}
