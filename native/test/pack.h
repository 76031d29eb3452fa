// A pack: op tables with the bytes they are given and the digests of what they must make, in one
// file, so that a machine without Node can be held against the specification.
//
// Little-endian: u32 magic "BTPK", u32 version 1, u32 cases; then for each case
//   u32 length, name     u32 length, op table     u32 given, each u64 length, bytes
//   u32 ops, each the 32-byte BLAKE3 of the op's output
//
// Written by test/bits/pack.ts.

#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "test/check.h"

namespace pack {

struct Case {
  std::string name;
  std::span<const uint8_t> table;
  std::vector<std::span<const uint8_t>> given;
  // 32 bytes for each op.
  std::span<const uint8_t> digests;
};

class Pack {
 public:
  explicit Pack(const char* path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    CHECK(next<uint32_t>() == 0x4b505442 && next<uint32_t>() == 1);
    const uint32_t count = next<uint32_t>();
    for (uint32_t i = 0; i < count; i++) cases_.push_back(read_case());
    CHECK(at_ == bytes_.size());
  }

  const std::vector<Case>& cases() const { return cases_; }

 private:
  template <typename T>
  T next() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::span<const uint8_t> take(uint64_t length) {
    CHECK(length <= bytes_.size() - at_);
    const std::span<const uint8_t> part(bytes_.data() + at_, length);
    at_ += length;
    return part;
  }

  Case read_case() {
    Case result;
    const auto name = take(next<uint32_t>());
    result.name.assign(name.begin(), name.end());
    result.table = take(next<uint32_t>());
    const uint32_t given = next<uint32_t>();
    for (uint32_t i = 0; i < given; i++) result.given.push_back(take(next<uint64_t>()));
    result.digests = take(32 * static_cast<uint64_t>(next<uint32_t>()));
    return result;
  }

  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
  std::vector<Case> cases_;
};

}  // namespace pack
