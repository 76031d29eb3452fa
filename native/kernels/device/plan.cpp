#include "kernels/device/plan.h"

#include <bit>

namespace device {
namespace {

using kernels::Call;
using tensor::Shape;

// The operations that an element of an elementary function is worth, roughly.
constexpr uint64_t kPlainWork = 4;
constexpr uint64_t kFunctionWork = 40;

struct Each {
  uint32_t id;
  const char* kernel;
  uint64_t work;
};

constexpr Each kBinary[] = {
    {10, "add_f32", kPlainWork}, {11, "sub_f32", kPlainWork},     {12, "mul_f32", kPlainWork},
    {14, "div_f32", 10},         {15, "max_f32", kPlainWork},     {16, "min_f32", kPlainWork},
    {20, "add_s32", kPlainWork}, {17, "greater_f32", kPlainWork}, {21, "sub_s32", kPlainWork},
    {22, "mul_s32", kPlainWork},
};

// Operands of one shape; as many as the op has.
constexpr Each kSame[] = {
    {13, "scale_f32", kPlainWork},
    {18, "shift_f32", kPlainWork},
    {19, "axpy_f32", kPlainWork},
    {23, "select_f32", kPlainWork},
    {30, "requantise", 10},
    {31, "quantise_f32", 20},
    {32, "dequantise_s8", kPlainWork},
    {33, "dequantise_s32", kPlainWork},
    {34, "widen_s8", kPlainWork},
    {35, "truncate_f32", kPlainWork},
    {40, "relu_f32", kPlainWork},
    {41, "relu_s8", kPlainWork},
    {42, "relu_grad_f32", kPlainWork},
    {43, "abs_f32", kPlainWork},
    {44, "exp_f32", kFunctionWork},
    {45, "log_f32", kFunctionWork},
    {46, "sqrt_f32", 20},
    {47, "rsqrt_f32", 30},
    {48, "tanh_f32", 2 * kFunctionWork},
    {49, "erf_f32", 2 * kFunctionWork},
    {54, "gelu_f32", 2 * kFunctionWork},
    {55, "silu_f32", kFunctionWork},
    {56, "sigmoid_f32", kFunctionWork},
    {57, "clip_f32", kPlainWork},
    {80, "sgd_f32", kPlainWork},
};

template <size_t n>
const Each* find(const Each (&all)[n], uint32_t id) {
  for (const Each& each : all) {
    if (each.id == id) return &each;
  }
  return nullptr;
}

std::vector<Place> args_and_out(const Call& call) {
  std::vector<Place> places;
  for (uint32_t i = 0; i < call.arg_count; i++) places.push_back(arg(static_cast<uint8_t>(i)));
  places.push_back(kOut);
  return places;
}

BtEach each_of(const Call& call) {
  BtEach params{};
  params.count = elements(call.out.shape);
  params.same = 1;
  params.row = divisor(1);
  for (uint32_t i = 0; i < 3 && i < call.attr_count; i++) params.attr[i] = word(call.attrs[i]);
  return params;
}

// mask_causal and rope.
bool plan_plane(uint32_t id, const Call& call, Plan& plan) {
  if (id != 8 && id != 9) return false;
  const Shape& shape = call.out.shape;
  BtPlane params{};
  params.count = elements(shape);
  params.columns = divisor(shape.last());
  params.rows = divisor(shape.dims[shape.rank - 2]);
  launch_each(plan, id == 8 ? "mask_causal_f32" : "rope_f32", args_and_out(call), params, 256, 10);
  return true;
}

struct Row {
  uint32_t id;
  const char* cpu;
  const char* gpu;
  uint64_t work;
};

constexpr Row kRows[] = {
    {50, "softmax_f32_item", "softmax_f32_group", 60},
    {71, "sum_last_f32_item", "sum_last_f32_group", 4},
    {73, "mean_last_f32_item", "mean_last_f32_group", 4},
    {74, "max_last_f32_item", "max_last_f32_group", 6},
    {75, "layernorm_f32_item", "layernorm_f32_group", 30},
    {76, "rmsnorm_f32_item", "rmsnorm_f32_group", 20},
};

void plan_attention(const Traits& traits, const Call& call, Plan& plan) {
  const Shape& q = call.args[0].shape;
  const Shape& k = call.args[1].shape;
  BtAttention params{};
  params.queries = divisor(q.dims[1]);
  params.keys = k.dims[1];
  params.depth = q.dims[2];
  params.width = call.out.shape.dims[2];
  params.scale = word(call.attrs[0]);
  params.causal = word(call.attrs[1]);
  const bool is_cpu = traits.tiling == Tiling::cpu;
  const uint64_t work = uint64_t{k.dims[1]} * (6 * (q.dims[2] + params.width) + 60);
  launch(plan, is_cpu ? "attention_f32_item" : "attention_f32_group", args_and_out(call), params,
         uint64_t{q.dims[0]} * q.dims[1], is_cpu ? 1 : 64, work);
}

}  // namespace

BtDivisor divisor(uint64_t by) {
  // i * factor exceeds i * 2^(31+l) / by by less than i * by / by < 2^31 <= 2^(31+l) / by steps.
  const uint32_t l = static_cast<uint32_t>(std::bit_width(by - 1));
  const uint64_t power = uint64_t{1} << (31 + l);
  return {word(by), word((power + by - 1) / by), 31 + l};
}

bool plan_elementwise(uint32_t id, const Call& call, Plan& plan) {
  BtEach params = each_of(call);
  if (const Each* same = find(kSame, id)) {
    launch_each(plan, same->kernel, args_and_out(call), params, 256, same->work);
    return true;
  }
  const Each* binary = find(kBinary, id);
  if (binary == nullptr) return plan_plane(id, call, plan);
  const Shape& b = call.args[1].shape;
  params.same = b.same_dims(call.args[0].shape) ? 1 : 0;
  if (params.same == 0) params.row = divisor(b.dims[0]);
  launch_each(plan, binary->kernel, args_and_out(call), params, 256, binary->work);
  return true;
}

bool plan_rows(const Traits& traits, uint32_t id, const Call& call, Plan& plan) {
  if (id == 7) {
    plan_attention(traits, call, plan);
    return true;
  }
  const Shape& a = call.args[0].shape;
  BtRows params{};
  params.length = a.last();
  params.rows = word(a.elements() / a.last());
  const uint64_t groups_of_items = (uint64_t{params.rows} + 63) / 64;
  if (id >= 51 && id <= 53) {
    const char* kernel = id == 51 ? "argmax_f32" : id == 52 ? "argmax_s32" : "argmax_s8";
    launch(plan, kernel, {arg(0), kOut}, params, groups_of_items, 64, 64ull * 6 * params.length);
    return true;
  }
  if (id == 70) {
    params.rows = a.dims[1];
    params.length = a.dims[0];
    launch(plan, "sum_rows_f32", {arg(0), kOut}, params, (uint64_t{params.rows} + 63) / 64, 64,
           64ull * 4 * params.length);
    return true;
  }
  for (const Row& row : kRows) {
    if (row.id != id) continue;
    if (id == 75 || id == 76) params.eps = word(call.attrs[0]);
    const bool is_cpu = traits.tiling == Tiling::cpu;
    launch(plan, is_cpu ? row.cpu : row.gpu, args_and_out(call), params, params.rows,
           is_cpu ? 1 : 64, row.work * params.length);
    return true;
  }
  return false;
}

bool plan_op(const Traits& traits, uint32_t id, const Call& call, Plan& plan) {
  return plan_elementwise(id, call, plan) || plan_product(traits, id, call, plan) ||
         plan_rows(traits, id, call, plan) || plan_window(id, call, plan) ||
         plan_move(id, call, plan);
}

}  // namespace device
