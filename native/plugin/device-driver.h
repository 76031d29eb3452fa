// What a fabric for devices needs of OpenCL, CUDA, Metal or any other way to reach one.
//
// A driver is one device. It builds the kernels of native/kernels/device once and hands out memory
// and queues. One queue is used by one thread at a time; everything else may be called from any
// thread. Nothing throws: what fails says why.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/device/plan.h"
#include "plugin/device-options.h"
#include "plugin/fabric.h"

namespace device {

struct Status {
  fabric_code code = FABRIC_OK;
  std::string reason;

  bool ok() const { return code == FABRIC_OK; }
};

// Of one driver; never 0.
using Memory = uint64_t;

struct Facts {
  std::string name;
  std::string vendor;
  std::string driver;
  std::string isa;
  uint32_t kind = FABRIC_KIND_GPU;
  uint32_t caps = 0;
  uint32_t compute_units = 1;
  uint64_t memory_total_bytes = 0;
  uint64_t memory_free_bytes = 0;
  uint64_t allocation_bytes_max = 0;
  Traits traits;
};

struct Step {
  const char* kernel;
  std::span<const Memory> buffers;
  std::span<const uint8_t> params;
  uint32_t groups;
  uint32_t items;
};

class Queue {
 public:
  virtual ~Queue() = default;
  // Enqueued after everything before it on this queue; what it points to may go at once.
  virtual Status launch(const Step& step) = 0;
  // Waits until everything on this queue is done.
  virtual Status finish() = 0;
  // These have happened when they return.
  virtual Status write(Memory memory, uint64_t offset, std::span<const uint8_t> from) = 0;
  virtual Status read(Memory memory, uint64_t offset, std::span<uint8_t> to) = 0;
  // Shows the first `bytes` of a buffer, without a copy where that can be.
  virtual Status look(Memory memory, uint64_t bytes,
                      const std::function<void(std::span<const uint8_t>)>& at) = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual const Facts& facts() const = 0;
  virtual Status allocate(uint64_t bytes, Memory& out) = 0;
  virtual void release(Memory memory) = 0;
  virtual Status open_queue(std::unique_ptr<Queue>& out) = 0;
};

// Of one shared object: `fabric_query` answers with it.
struct Backend {
  const char* name;
  // Every device that can be reached, the best first, or why there is none. Devices that cannot do
  // what the kernels need are left out with a word in `notes`.
  Status (*open)(const Options& options, std::vector<std::unique_ptr<Driver>>& out,
                 std::vector<std::string>& notes);
};

// Defined by each backend.
extern const Backend kBackend;

}  // namespace device
