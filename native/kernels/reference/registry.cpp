#include "kernels/reference/reference.h"

namespace kernels {

const Kernel* find_reference(uint32_t id, uint32_t version) {
  using namespace reference;
  static const std::span<const Kernel> families[] = {
      products(), attention(), elementwise(), conversions(), unary(), rows(), pooling(), moves()};
  for (const auto family : families) {
    for (const Kernel& kernel : family) {
      if (kernel.id == id && kernel.version == version) return &kernel;
    }
  }
  return nullptr;
}

}  // namespace kernels
