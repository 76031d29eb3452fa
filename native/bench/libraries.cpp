#include "bench/libraries.h"

#include <dlfcn.h>

#include <cstdio>
#include <initializer_list>
#include <memory>
#include <vector>

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#if DNNL_VERSION_MAJOR == 2
#define BENCH_PRIMITIVES 1
#endif
#endif

namespace bench {
namespace {

void* first_of(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

// --- OpenBLAS ------------------------------------------------------------------------------------

constexpr int kRowMajor = 101;
constexpr int kPlain = 111;
constexpr int kTransposed = 112;

void (*cblas_sgemm)(int, int, int, int, int, int, float, const float*, int, const float*, int,
                    float, float*, int) = nullptr;

void sgemm(Libraries::Layout layout, int m, int n, int k, float alpha, const float* a,
           const float* b, float* y) {
  const bool is_rows = layout == Libraries::Layout::rows;
  cblas_sgemm(kRowMajor, kPlain, is_rows ? kTransposed : kPlain, m, n, k, alpha, a, k, b,
              is_rows ? k : n, 0.0f, y, n);
}

void open_openblas(Libraries& libraries) {
  void* library = first_of({"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"});
  if (library == nullptr || !find(library, "cblas_sgemm", cblas_sgemm)) return;
  void (*set_threads)(int) = nullptr;
  if (find(library, "openblas_set_num_threads", set_threads)) set_threads(1);
  char* (*config)() = nullptr;
  char* (*core)() = nullptr;
  libraries.openblas = "OpenBLAS";
  if (find(library, "openblas_get_config", config)) {
    // "OpenBLAS 0.3.21 NO_LAPACKE ...": the first two words.
    const std::string said = config();
    libraries.openblas = said.substr(0, said.find(' ', said.find(' ') + 1));
  }
  if (find(library, "openblas_get_corename", core)) {
    libraries.openblas.append(" ").append(core());
  }
  libraries.sgemm = sgemm;
}

// --- oneDNN --------------------------------------------------------------------------------------

int (*dnnl_gemm)(char, char, char, int64_t, int64_t, int64_t, float, const int8_t*, int64_t, int8_t,
                 const int8_t*, int64_t, int8_t, float, int32_t*, int64_t,
                 const int32_t*) = nullptr;

void gemm_s8(int m, int n, int k, const int8_t* a, const int8_t* b, int32_t* y) {
  const int32_t offset = 0;
  dnnl_gemm('N', 'T', 'F', m, n, k, 1.0f, a, k, 0, b, k, 0, 0.0f, y, n, &offset);
}

#if BENCH_PRIMITIVES
struct Functions {
#define BENCH_EACH(x)                                                                        \
  x(engine_create) x(stream_create) x(stream_wait) x(memory_create) x(primitive_desc_create) \
      x(primitive_create) x(primitive_execute) x(memory_desc_init_by_tag)                    \
          x(softmax_forward_desc_init) x(eltwise_forward_desc_init)                          \
              x(layer_normalization_forward_desc_init)
#define BENCH_MEMBER(name) decltype(&::dnnl_##name) name = nullptr;
  BENCH_EACH(BENCH_MEMBER)
  dnnl_engine_t engine = nullptr;
  dnnl_stream_t stream = nullptr;

  bool open(void* library) {
    bool all = true;
#define BENCH_FIND(name) all = all && find(library, "dnnl_" #name, name);
    BENCH_EACH(BENCH_FIND)
    return all && engine_create(&engine, dnnl_cpu, 0) == dnnl_success &&
           stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success;
  }
};

Functions dnnl;
bool has_primitives = false;

// A primitive with its memory, kept for the life of the process.
struct Prepared {
  dnnl_primitive_t primitive = nullptr;
  std::vector<dnnl_exec_arg_t> args;
};

Libraries::Work prepared(const void* description, std::initializer_list<dnnl_memory_desc_t> shapes,
                         std::initializer_list<std::pair<int, const float*>> values) {
  dnnl_primitive_desc_t chosen = nullptr;
  auto made = std::make_shared<Prepared>();
  if (dnnl.primitive_desc_create(&chosen, description, nullptr, dnnl.engine, nullptr) !=
          dnnl_success ||
      dnnl.primitive_create(&made->primitive, chosen) != dnnl_success) {
    return {};
  }
  auto shape = shapes.begin();
  for (const auto& [place, data] : values) {
    dnnl_memory_t memory = nullptr;
    if (dnnl.memory_create(&memory, &*shape++, dnnl.engine, const_cast<float*>(data)) !=
        dnnl_success) {
      return {};
    }
    made->args.push_back({place, memory});
  }
  return [made] {
    dnnl.primitive_execute(made->primitive, dnnl.stream, static_cast<int>(made->args.size()),
                           made->args.data());
    dnnl.stream_wait(dnnl.stream);
  };
}

dnnl_memory_desc_t matrix(size_t rows, size_t columns) {
  dnnl_memory_desc_t shape;
  const dnnl_dims_t dims = {static_cast<dnnl_dim_t>(rows), static_cast<dnnl_dim_t>(columns)};
  dnnl.memory_desc_init_by_tag(&shape, 2, dims, dnnl_f32, dnnl_ab);
  return shape;
}

dnnl_memory_desc_t vector_of(size_t count) {
  dnnl_memory_desc_t shape;
  const dnnl_dims_t dims = {static_cast<dnnl_dim_t>(count)};
  dnnl.memory_desc_init_by_tag(&shape, 1, dims, dnnl_f32, dnnl_a);
  return shape;
}
#endif

void open_onednn(Libraries& libraries) {
  void* library = first_of({"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so", "libdnnl.dylib"});
  if (library == nullptr || !find(library, "dnnl_gemm_s8s8s32", dnnl_gemm)) return;
  struct Version {
    int major, minor, patch;
  };
  const Version* (*version)() = nullptr;
  libraries.onednn = "oneDNN";
  if (find(library, "dnnl_version", version)) {
    const Version* v = version();
    char number[48];
    std::snprintf(number, sizeof number, " %d.%d.%d", v->major, v->minor, v->patch);
    libraries.onednn += number;
#if BENCH_PRIMITIVES
    has_primitives = v->major == 2 && dnnl.open(library);
#endif
  }
  libraries.gemm_s8 = gemm_s8;
}

}  // namespace

Libraries::Work Libraries::softmax([[maybe_unused]] size_t rows, [[maybe_unused]] size_t columns,
                                   [[maybe_unused]] const float* x,
                                   [[maybe_unused]] float* y) const {
#if BENCH_PRIMITIVES
  if (has_primitives) {
    const dnnl_memory_desc_t shape = matrix(rows, columns);
    dnnl_softmax_desc_t description;
    dnnl.softmax_forward_desc_init(&description, dnnl_forward_inference, &shape, 1);
    return prepared(&description, {shape, shape}, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
  }
#endif
  return {};
}

Libraries::Work Libraries::layernorm([[maybe_unused]] size_t rows, [[maybe_unused]] size_t columns,
                                     [[maybe_unused]] const float* x,
                                     [[maybe_unused]] const float* gain,
                                     [[maybe_unused]] const float* shift,
                                     [[maybe_unused]] float* y) const {
#if BENCH_PRIMITIVES
  if (has_primitives) {
    const dnnl_memory_desc_t shape = matrix(rows, columns);
    const dnnl_memory_desc_t vector = vector_of(columns);
    dnnl_layer_normalization_desc_t description;
    dnnl.layer_normalization_forward_desc_init(&description, dnnl_forward_inference, &shape,
                                               nullptr, 1e-5f, dnnl_use_scale | dnnl_use_shift);
    return prepared(
        &description, {shape, vector, vector, shape},
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_SCALE, gain}, {DNNL_ARG_SHIFT, shift}, {DNNL_ARG_DST, y}});
  }
#endif
  return {};
}

Libraries::Work Libraries::map([[maybe_unused]] Map map, [[maybe_unused]] size_t count,
                               [[maybe_unused]] const float* x, [[maybe_unused]] float* y) const {
#if BENCH_PRIMITIVES
  if (has_primitives) {
    const dnnl_memory_desc_t shape = vector_of(count);
    dnnl_eltwise_desc_t description;
    dnnl.eltwise_forward_desc_init(&description, dnnl_forward_inference,
                                   map == Map::exp ? dnnl_eltwise_exp : dnnl_eltwise_gelu_erf,
                                   &shape, 0.0f, 0.0f);
    return prepared(&description, {shape, shape}, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
  }
#endif
  return {};
}

Libraries open_libraries() {
  Libraries libraries;
  open_openblas(libraries);
  open_onednn(libraries);
  return libraries;
}

}  // namespace bench
