// Direct convolution, pooling and its gradient, dilation.

#include "kernels/device/plan.h"

namespace device {
namespace {

using kernels::Call;
using tensor::Shape;

uint32_t attr(const Call& call, uint32_t index) { return word(call.attrs[index]); }

// Attributes: stride h, w; pad top, left, bottom, right; dilation h, w; groups.
void plan_conv(uint32_t id, const Call& call, Plan& plan) {
  const Shape& x = call.args[0].shape;
  const Shape& w = call.args[1].shape;
  const Shape& y = call.out.shape;
  BtConv params{};
  params.count = elements(y);
  params.out_c = divisor(y.dims[3]);
  params.out_w = divisor(y.dims[2]);
  params.out_h = divisor(y.dims[1]);
  params.in_h = x.dims[1];
  params.in_w = x.dims[2];
  params.in_c = x.dims[3];
  params.kernel_h = w.dims[1];
  params.kernel_w = w.dims[2];
  params.kernel_c = w.dims[3];
  params.stride_h = attr(call, 0);
  params.stride_w = attr(call, 1);
  params.top = attr(call, 2);
  params.left = attr(call, 3);
  params.dilation_h = attr(call, 6);
  params.dilation_w = attr(call, 7);
  params.group_outputs = divisor(y.dims[3] / attr(call, 8));
  const uint64_t depth = w.elements() / w.dims[0];
  launch_each(plan, id == 4 ? "conv2d_f32" : "conv2d_s8", {arg(0), arg(1), kOut}, params, 64,
              6 * depth);
}

// Attributes: kernel h, w; stride h, w; pad top, left, bottom, right; counted.
void plan_pool(uint32_t id, const Call& call, Plan& plan) {
  const Shape& x = call.args[0].shape;
  const Shape& windows = id == 92 ? call.args[1].shape : call.out.shape;
  const Shape& y = call.out.shape;
  BtPool params{};
  params.count = elements(y);
  params.channels = divisor(y.dims[3]);
  params.out_w = divisor(y.dims[2]);
  params.out_h = divisor(y.dims[1]);
  params.in_h = x.dims[1];
  params.in_w = x.dims[2];
  params.kernel_h = attr(call, 0);
  params.kernel_w = attr(call, 1);
  params.stride_h = attr(call, 2);
  params.stride_w = attr(call, 3);
  params.top = attr(call, 4);
  params.left = attr(call, 5);
  params.counted = id == 91 ? attr(call, 8) : 0;
  params.windows_h = windows.dims[1];
  params.windows_w = windows.dims[2];
  const uint64_t area = uint64_t{params.kernel_h} * params.kernel_w;
  const uint64_t covering =
      (params.kernel_h / params.stride_h + 1ull) * (params.kernel_w / params.stride_w + 1ull);
  if (id == 92) {
    launch_each(plan, "maxpool2d_grad_f32", {arg(0), arg(1), kOut}, params, 64,
                8 * area * covering);
  } else {
    launch_each(plan, id == 90 ? "maxpool2d_f32" : "avgpool2d_f32", {arg(0), kOut}, params, 64,
                6 * area);
  }
}

void plan_dilate(const Call& call, Plan& plan) {
  const Shape& x = call.args[0].shape;
  const Shape& y = call.out.shape;
  BtDilate params{};
  params.count = elements(y);
  params.channels = divisor(y.dims[3]);
  params.out_w = divisor(y.dims[2]);
  params.out_h = divisor(y.dims[1]);
  params.stride_h = divisor(attr(call, 0));
  params.stride_w = divisor(attr(call, 1));
  params.in_h = x.dims[1];
  params.in_w = x.dims[2];
  launch_each(plan, "dilate2d_f32", {arg(0), kOut}, params, 256, 16);
}

}  // namespace

bool plan_window(uint32_t id, const Call& call, Plan& plan) {
  switch (id) {
    case 4:
    case 5:
      plan_conv(id, call, plan);
      return true;
    case 90:
    case 91:
    case 92:
      plan_pool(id, call, plan);
      return true;
    case 116:
      plan_dilate(call, plan);
      return true;
    default:
      return false;
  }
}

}  // namespace device
