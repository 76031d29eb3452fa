// The libraries that the kernels are held against, opened at run time where they are installed:
//
//   OpenBLAS   apt-get install libopenblas-dev      cblas_sgemm; OPENBLAS_CORETYPE picks its kernel
//   oneDNN     apt-get install libdnnl-dev          integer products and row functions; version 2
//
// Both are told to use one thread. A function is empty where its library is not there.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace bench {

struct Libraries {
  std::string openblas;
  std::string onednn;

  // y[m,n] = alpha * a[m,k] * b[n,k]^T; with `plain_b`, b is [k,n].
  enum class Layout { rows, plain_b };
  void (*sgemm)(Layout layout, int m, int n, int k, float alpha, const float* a, const float* b,
                float* y) = nullptr;
  // y[m,n] = a[m,k] * b[n,k]^T
  void (*gemm_s8)(int m, int n, int k, const int8_t* a, const int8_t* b, int32_t* y) = nullptr;

  // Over rows of f32[rows, columns]; made once, run often.
  using Work = std::function<void()>;
  Work softmax(size_t rows, size_t columns, const float* x, float* y) const;
  Work layernorm(size_t rows, size_t columns, const float* x, const float* gain, const float* shift,
                 float* y) const;
  enum class Map { exp, gelu };
  Work map(Map map, size_t count, const float* x, float* y) const;
};

// Opens both; what is absent is named in `openblas` or `onednn` as an empty string.
Libraries open_libraries();

}  // namespace bench
