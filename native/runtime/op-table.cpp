#include "runtime/op-table.h"

#include <cstring>

namespace runtime {
namespace {

constexpr size_t kHeaderBytes = 32;
constexpr size_t kValueBytes = 40;
constexpr size_t kOpBytes = 176;

// Reads fields in order; the caller has checked that the bytes suffice.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : at_(bytes.data()) {}

  template <typename T>
  T next() {
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

 private:
  const uint8_t* at_;
};

bool read_value(Reader& reader, tensor::Shape& shape) {
  const uint32_t dtype = reader.next<uint32_t>();
  shape.rank = reader.next<uint32_t>();
  for (uint32_t i = 0; i < tensor::kRankMax; i++) {
    shape.dims[i] = reader.next<uint32_t>();
    if (i >= shape.rank && shape.dims[i] != 0) return false;
  }
  if (!tensor::known(dtype)) return false;
  shape.dtype = static_cast<tensor::Dtype>(dtype);
  return shape.sound();
}

bool read_op(Reader& reader, uint32_t values_before, Op& op) {
  op.id = reader.next<uint16_t>();
  op.version = reader.next<uint16_t>();
  const uint32_t args = reader.next<uint32_t>();
  const uint32_t attrs = reader.next<uint32_t>();
  const uint32_t zero = reader.next<uint32_t>();
  if (args > kernels::kArgsMax || attrs > kernels::kAttrsMax || zero != 0) return false;
  for (uint32_t i = 0; i < kernels::kArgsMax; i++) {
    const uint32_t arg = reader.next<uint32_t>();
    if (i < args ? arg >= values_before : arg != 0) return false;
    if (i < args) op.args.push_back(arg);
  }
  for (uint32_t i = 0; i < kernels::kAttrsMax; i++) {
    const uint64_t attr = reader.next<uint64_t>();
    if (i >= attrs && attr != 0) return false;
    if (i < attrs) op.attrs.push_back(attr);
  }
  return true;
}

}  // namespace

const char* parse_table(std::span<const uint8_t> bytes, Table& table) {
  if (bytes.size() < kHeaderBytes) return "shorter than a header";
  Reader reader(bytes);
  if (reader.next<uint32_t>() != kTableMagic) return "not an op table";
  if (reader.next<uint32_t>() != kTableVersion) return "unknown version";
  table.inputs = reader.next<uint32_t>();
  table.weights = reader.next<uint32_t>();
  const uint32_t ops = reader.next<uint32_t>();
  const uint32_t outputs = reader.next<uint32_t>();
  const uint32_t total = reader.next<uint32_t>();
  if (reader.next<uint32_t>() != 0) return "reserved bytes are not zero";
  if (table.inputs > kInputsMax || table.weights > kWeightsMax || ops > kOpsMax ||
      outputs > kOutputsMax) {
    return "more entries than allowed";
  }
  const size_t values = static_cast<size_t>(table.given()) + ops;
  if (bytes.size() != kHeaderBytes + values * kValueBytes + ops * kOpBytes + outputs * 4 ||
      total != bytes.size()) {
    return "length does not match the counts";
  }
  table.values.assign(values, {});
  table.ops.assign(ops, {});
  table.outputs.assign(outputs, 0);
  for (auto& shape : table.values) {
    if (!read_value(reader, shape)) return "a value has no sound shape";
  }
  for (uint32_t i = 0; i < ops; i++) {
    if (!read_op(reader, table.given() + i, table.ops[i])) return "an op is malformed";
  }
  for (auto& output : table.outputs) {
    output = reader.next<uint32_t>();
    if (output < table.given() || output >= values) return "an output is not made by an op";
  }
  return nullptr;
}

kernels::Call call_of(const Table& table, uint32_t index) {
  const Op& op = table.ops[index];
  kernels::Call call;
  call.arg_count = static_cast<uint32_t>(op.args.size());
  call.attr_count = static_cast<uint32_t>(op.attrs.size());
  for (size_t i = 0; i < op.args.size(); i++) call.args[i].shape = table.values[op.args[i]];
  for (size_t i = 0; i < op.attrs.size(); i++) call.attrs[i] = op.attrs[i];
  call.out.shape = table.values[table.given() + index];
  return call;
}

uint32_t first_unsupported(const Table& table) {
  for (uint32_t i = 0; i < table.ops.size(); i++) {
    const kernels::Kernel* kernel = kernels::find_cpu(table.ops[i].id, table.ops[i].version);
    if (kernel == nullptr || !kernel->accepts(call_of(table, i))) return i;
  }
  return static_cast<uint32_t>(table.ops.size());
}

}  // namespace runtime
