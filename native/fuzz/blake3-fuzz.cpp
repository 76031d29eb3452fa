// Any bytes through BLAKE3: a keyed hash is the beginning of the keyed stream, and a hash of a copy
// elsewhere in memory is the same hash.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "proof/blake3.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint8_t key[blake3::kKeyBytes] = {};
  std::memcpy(key, data, std::min(size, sizeof key));
  const blake3::Digest keyed = blake3::keyed(key, {data, size});
  uint8_t stream[100];
  blake3::keyed_stream(key, {data, size}, stream);
  if (std::memcmp(stream, keyed.data(), keyed.size()) != 0) std::abort();
  std::vector<uint8_t> moved(size + 1);
  if (size > 0) std::memcpy(moved.data() + 1, data, size);
  if (blake3::hash({data, size}) != blake3::hash({moved.data() + 1, size})) std::abort();
  return 0;
}
