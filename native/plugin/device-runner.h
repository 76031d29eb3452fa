// Runs a planned op table on a device, in program order, and hashes what each op makes.
//
//   run thread    plan -> parts of launches -> wait ---.      cancel is looked at before each part
//   hash thread                 look -> BLAKE3 <-------'      while the next op already runs

#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "plugin/device-driver.h"
#include "plugin/device-pace.h"
#include "plugin/device-queues.h"
#include "runtime/executor.h"
#include "runtime/op-table.h"

namespace device {

// What a run needs of its device.
struct Engine {
  explicit Engine(std::unique_ptr<Driver> made)
      : driver(std::move(made)), queues(*driver), pace(driver->facts()) {}

  std::unique_ptr<Driver> driver;
  Queues queues;
  Pace pace;
};

// Told of scratch memory: bytes, and whether it is released.
using OnScratch = std::function<void(uint64_t bytes, bool is_free)>;

// The first op that the device has no kernels for, or all of them. Fills `plans` up to there.
uint32_t plan_table(const Traits& traits, const runtime::Table& table, std::vector<Plan>& plans);

// `values` holds a buffer for each value: inputs and weights to read, op outputs to write.
// FABRIC_CANCELLED when `cancel` became true before the end.
Status run_table(Engine& engine, const runtime::Table& table, const std::vector<Plan>& plans,
                 const std::vector<Memory>& values, const std::atomic<bool>& cancel,
                 const OnScratch& on_scratch, runtime::Trace& trace);

// One op by itself, without a hash: what the self-test runs.
Status run_op(Engine& engine, Queue& queue, const Plan& plan, const std::vector<Memory>& args,
              Memory out, const std::atomic<bool>& cancel, const OnScratch& on_scratch);

}  // namespace device
