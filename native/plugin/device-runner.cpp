#include "plugin/device-runner.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace device {
namespace {

Status cancelled() { return {FABRIC_CANCELLED, "the run was cancelled"}; }

// Scratch buffers of one op.
class Scratch {
 public:
  Scratch(Driver& driver, const OnScratch& told) : driver_(driver), told_(told) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    for (size_t i = 0; i < memory_.size(); i++) {
      driver_.release(memory_[i]);
      told_(bytes_[i], true);
    }
  }

  Status allocate(const std::vector<uint64_t>& sizes) {
    for (const uint64_t bytes : sizes) {
      Memory memory = 0;
      Status status = driver_.allocate(bytes, memory);
      if (!status.ok()) return status;
      memory_.push_back(memory);
      bytes_.push_back(bytes);
      told_(bytes, false);
    }
    return {};
  }

  Memory at(size_t index) const { return memory_[index]; }

 private:
  Driver& driver_;
  const OnScratch& told_;
  std::vector<Memory> memory_;
  std::vector<uint64_t> bytes_;
};

Status run_launch(Engine& engine, Queue& queue, const Launch& launch,
                  const std::vector<Memory>& buffers, const std::atomic<bool>& cancel) {
  auto params = launch.params;
  for (uint32_t first = 0; first < launch.groups;) {
    if (cancel.load(std::memory_order_relaxed)) return cancelled();
    const uint32_t groups = engine.pace.groups(launch, launch.groups - first);
    std::memcpy(params.data(), &first, sizeof first);
    const uint64_t start = runtime::now_ns();
    Status status = queue.launch(
        {launch.kernel, buffers, {params.data(), launch.param_bytes}, groups, launch.items});
    if (status.ok()) status = queue.finish();
    if (!status.ok()) return status;
    engine.pace.measured(launch, groups, runtime::now_ns() - start);
    first += groups;
  }
  return {};
}

// Hashes outputs one after another on a thread and a queue of its own.
class Hasher {
 public:
  Hasher(Engine& engine, const runtime::Table& table, const std::vector<Memory>& values,
         const std::atomic<bool>& cancel, runtime::Trace& trace)
      : engine_(engine), table_(table), values_(values), cancel_(cancel), trace_(trace) {}
  ~Hasher() { end(); }

  Status open() {
    Status status = engine_.queues.acquire(queue_);
    if (status.ok()) thread_ = std::thread([this] { serve(); });
    return status;
  }

  void push(uint32_t op) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(op);
    wake_.notify_one();
  }

  // Waits for everything pushed.
  Status end() {
    if (thread_.joinable()) {
      {
        const std::lock_guard lock(mutex_);
        is_last_ = true;
        wake_.notify_one();
      }
      thread_.join();
    }
    return status_;
  }

 private:
  void serve() {
    for (;;) {
      uint32_t op = 0;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return is_last_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        op = waiting_.front();
        waiting_.pop_front();
      }
      if (status_.ok() && !cancel_.load(std::memory_order_relaxed)) hash(op);
    }
  }

  void hash(uint32_t op) {
    const uint64_t start = runtime::now_ns();
    const uint32_t value = table_.given() + op;
    status_ =
        queue_->look(values_[value], table_.values[value].bytes(),
                     [&](std::span<const uint8_t> bytes) { trace_.ops[op] = blake3::hash(bytes); });
    if (!status_.ok()) queue_.spoil();
    trace_.op_ns[op] += runtime::now_ns() - start;
  }

  Engine& engine_;
  const runtime::Table& table_;
  const std::vector<Memory>& values_;
  const std::atomic<bool>& cancel_;
  runtime::Trace& trace_;
  Loan queue_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<uint32_t> waiting_;
  bool is_last_ = false;
  // Of the thread, until it has ended.
  Status status_;
};

}  // namespace

uint32_t plan_table(const Traits& traits, const runtime::Table& table, std::vector<Plan>& plans) {
  for (uint32_t op = 0; op < table.ops.size(); op++) {
    const auto& [id, version, args, attrs] = table.ops[op];
    const kernels::Kernel* rule = kernels::find_reference(id, version);
    const kernels::Call call = runtime::call_of(table, op);
    if (rule == nullptr || !rule->accepts(call)) return op;
    plans.emplace_back();
    if (!plan_op(traits, id, call, plans.back())) return op;
  }
  return static_cast<uint32_t>(table.ops.size());
}

Status run_op(Engine& engine, Queue& queue, const Plan& plan, const std::vector<Memory>& args,
              Memory out, const std::atomic<bool>& cancel, const OnScratch& on_scratch) {
  Scratch scratch(*engine.driver, on_scratch);
  Status status = scratch.allocate(plan.scratch);
  if (!status.ok()) return status;
  for (const Launch& launch : plan.launches) {
    std::vector<Memory> buffers;
    for (const Place& place : launch.buffers) {
      buffers.push_back(place.of == Place::Of::arg   ? args[place.index]
                        : place.of == Place::Of::out ? out
                                                     : scratch.at(place.index));
    }
    status = run_launch(engine, queue, launch, buffers, cancel);
    if (!status.ok()) return status;
  }
  return {};
}

Status run_table(Engine& engine, const runtime::Table& table, const std::vector<Plan>& plans,
                 const std::vector<Memory>& values, const std::atomic<bool>& cancel,
                 const OnScratch& on_scratch, runtime::Trace& trace) {
  trace.ops.resize(table.ops.size());
  trace.op_ns.resize(table.ops.size());
  Loan queue;
  Status status = engine.queues.acquire(queue);
  if (!status.ok()) return status;
  Hasher hasher(engine, table, values, cancel, trace);
  status = hasher.open();
  for (uint32_t op = 0; status.ok() && op < table.ops.size(); op++) {
    std::vector<Memory> args;
    for (const uint32_t value : table.ops[op].args) args.push_back(values[value]);
    const uint64_t start = runtime::now_ns();
    status =
        run_op(engine, *queue, plans[op], args, values[table.given() + op], cancel, on_scratch);
    if (status.ok()) {
      trace.op_ns[op] += runtime::now_ns() - start;
      hasher.push(op);
    } else if (status.code != FABRIC_CANCELLED) {
      queue.spoil();
    }
  }
  const Status hashed = hasher.end();
  if (!status.ok()) return status;
  if (!hashed.ok()) return hashed;
  if (cancel.load(std::memory_order_relaxed)) return cancelled();
  trace.output = runtime::output_digest(table, trace.ops);
  return {};
}

}  // namespace device
