// The tree: chunks of 1,024 bytes, each a chain of up to 16 blocks of 64 bytes; parents over pairs.
//
//            root                 A left subtree holds the largest power of two of chunks that
//           /    \                leaves at least one byte to its right. Groups of 64 whole chunks
//        parent   chunk           are hashed level by level, many lanes at once; what is left over
//        /    \                   is hashed one by one and folded from the right.
//     chunk  chunk

#include "proof/blake3.h"

#include <bit>
#include <cstring>
#include <vector>

#include "tensor/isa.h"

namespace blake3 {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read in place");

constexpr size_t kBlockBytes = 64;
constexpr size_t kChunkBytes = 1024;
constexpr size_t kBlocksPerChunk = kChunkBytes / kBlockBytes;
// Whole chunks hashed as one subtree.
constexpr size_t kGroupChunks = 64;
// 2^54 chunks make 2^64 bytes; the stack holds one value for each level.
constexpr size_t kLevelsMax = 54;

enum Flag : uint32_t {
  kChunkStart = 1,
  kChunkEnd = 2,
  kParent = 4,
  kRoot = 8,
  kKeyedHash = 16,
};

constexpr uint32_t kIv[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                             0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

struct Schedule {
  uint8_t word[7][16];
};

// Round r reads message word permutation^r(i).
constexpr Schedule make_schedule() {
  constexpr uint8_t permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  Schedule schedule{};
  for (int i = 0; i < 16; i++) schedule.word[0][i] = static_cast<uint8_t>(i);
  for (int round = 1; round < 7; round++) {
    for (int i = 0; i < 16; i++) {
      schedule.word[round][i] = schedule.word[round - 1][permutation[i]];
    }
  }
  return schedule;
}

constexpr Schedule kSchedule = make_schedule();

struct Words {
  uint32_t at[8];
};

template <typename V>
BT_INLINE V rotate(V value, int bits) {
  return (value >> bits) | (value << (32 - bits));
}

template <typename V>
BT_INLINE void mix(V* v, int a, int b, int c, int d, const V& x, const V& y) {
  v[a] = v[a] + v[b] + x;
  v[d] = rotate(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = rotate(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = rotate(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = rotate(v[b] ^ v[c], 7);
}

// Seven rounds over a state of 16 words; V is one word or one word of many lanes.
template <typename V>
BT_INLINE void rounds(V* v, const V* m) {
#pragma GCC unroll 7
  for (int round = 0; round < 7; round++) {
    const uint8_t* s = kSchedule.word[round];
    mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
}

// The last compression of a node, kept open because only the top knows whether it is the root.
struct Node {
  Words chain;
  uint32_t block[16];
  uint64_t counter;
  uint32_t length;
  uint32_t flags;
};

void compress(const Node& node, uint32_t flags, uint64_t counter, uint32_t state[16]) {
  uint32_t v[16] = {};
  std::memcpy(v, node.chain.at, 32);
  std::memcpy(v + 8, kIv, 16);
  v[12] = static_cast<uint32_t>(counter);
  v[13] = static_cast<uint32_t>(counter >> 32);
  v[14] = node.length;
  v[15] = flags;
  rounds(v, node.block);
  for (int i = 0; i < 8; i++) {
    state[i] = v[i] ^ v[i + 8];
    state[i + 8] = v[i + 8] ^ node.chain.at[i];
  }
}

Words chaining_value(const Node& node) {
  uint32_t state[16];
  compress(node, node.flags, node.counter, state);
  Words out;
  std::memcpy(out.at, state, 32);
  return out;
}

Node parent_of(const Words& left, const Words& right, const Words& key, uint32_t mode) {
  Node node{key, {}, 0, kBlockBytes, mode | kParent};
  std::memcpy(node.block, left.at, 32);
  std::memcpy(node.block + 8, right.at, 32);
  return node;
}

// A chunk of at most 1,024 bytes, all blocks but the last compressed.
Node chunk_node(const uint8_t* bytes, size_t length, uint64_t counter, const Words& key,
                uint32_t mode) {
  Node node{key, {}, counter, 0, mode | kChunkStart};
  while (length > kBlockBytes) {
    std::memcpy(node.block, bytes, kBlockBytes);
    node.length = kBlockBytes;
    node.chain = chaining_value(node);
    node.flags = mode;
    bytes += kBlockBytes;
    length -= kBlockBytes;
  }
  std::memset(node.block, 0, kBlockBytes);
  if (length > 0) std::memcpy(node.block, bytes, length);
  node.length = static_cast<uint32_t>(length);
  node.flags |= kChunkEnd;
  return node;
}

// One call hashes `Lanes` inputs of `blocks` blocks each, `stride` bytes apart.
struct Batch {
  const uint8_t* bytes;
  size_t stride;
  size_t blocks;
  const Words* key;
  uint64_t counter;
  uint64_t counter_step;
  uint32_t flags;
  uint32_t first;
  uint32_t last;
};

template <typename V, int Lanes>
BT_INLINE void load_block(const uint8_t* bytes, size_t stride, V m[16]) {
  alignas(64) uint32_t words[16][Lanes];
  for (int lane = 0; lane < Lanes; lane++) {
    uint32_t block[16];
    std::memcpy(block, bytes + static_cast<size_t>(lane) * stride, kBlockBytes);
    for (int i = 0; i < 16; i++) words[i][lane] = block[i];
  }
  std::memcpy(m, words, sizeof words);
}

template <typename V, int Lanes>
BT_INLINE void batch_lanes(const Batch& batch, Words* out) {
  V chain[8];
  for (int i = 0; i < 8; i++) chain[i] = V{} + batch.key->at[i];
  V counter_low{};
  V counter_high{};
  for (int lane = 0; lane < Lanes; lane++) {
    const uint64_t counter = batch.counter + batch.counter_step * static_cast<uint64_t>(lane);
    counter_low[lane] = static_cast<uint32_t>(counter);
    counter_high[lane] = static_cast<uint32_t>(counter >> 32);
  }
  for (size_t block = 0; block < batch.blocks; block++) {
    V m[16] = {};
    load_block<V, Lanes>(batch.bytes + block * kBlockBytes, batch.stride, m);
    const uint32_t flags =
        batch.flags | (block == 0 ? batch.first : 0) | (block + 1 == batch.blocks ? batch.last : 0);
    V v[16] = {};
    for (int i = 0; i < 8; i++) v[i] = chain[i];
    for (int i = 0; i < 4; i++) v[8 + i] = V{} + kIv[i];
    v[12] = counter_low;
    v[13] = counter_high;
    v[14] = V{} + static_cast<uint32_t>(kBlockBytes);
    v[15] = V{} + flags;
    rounds(v, m);
    for (int i = 0; i < 8; i++) chain[i] = v[i] ^ v[i + 8];
  }
  for (int lane = 0; lane < Lanes; lane++) {
    for (int i = 0; i < 8; i++) out[lane].at[i] = chain[i][lane];
  }
}

typedef uint32_t Vec4 __attribute__((vector_size(16)));
typedef uint32_t Vec8 __attribute__((vector_size(32)));
typedef uint32_t Vec16 __attribute__((vector_size(64)));

#if BT_X86
BT_TARGET_AVX512 void batch_avx512(const Batch& batch, Words* out) {
  batch_lanes<Vec16, 16>(batch, out);
}
BT_TARGET_AVX2 void batch_avx2(const Batch& batch, Words* out) { batch_lanes<Vec8, 8>(batch, out); }
#endif
void batch_scalar(const Batch& batch, Words* out) { batch_lanes<Vec4, 4>(batch, out); }

struct Engine {
  size_t lanes;
  void (*run)(const Batch&, Words*);
};

Engine engine() {
#if BT_X86
  if (isa::level() == isa::Level::avx512) return {16, batch_avx512};
  if (isa::level() == isa::Level::avx2) return {8, batch_avx2};
#endif
  return {4, batch_scalar};
}

// Parents of `count` chaining values, `count` even and at least 2; in place.
size_t parents(Words* values, size_t count, const Words& key, uint32_t mode, const Engine& many) {
  const size_t pairs = count / 2;
  size_t done = 0;
  Words out[16];
  for (; done + many.lanes <= pairs; done += many.lanes) {
    const Batch batch{reinterpret_cast<const uint8_t*>(values + 2 * done),
                      kBlockBytes,
                      1,
                      &key,
                      0,
                      0,
                      mode | kParent,
                      0,
                      0};
    many.run(batch, out);
    std::memcpy(static_cast<void*>(values + done), out, many.lanes * sizeof(Words));
  }
  for (; done < pairs; done++) {
    values[done] = chaining_value(parent_of(values[2 * done], values[2 * done + 1], key, mode));
  }
  return pairs;
}

Words group_value(const uint8_t* bytes, uint64_t counter, const Words& key, uint32_t mode,
                  const Engine& many) {
  Words values[kGroupChunks];
  for (size_t chunk = 0; chunk < kGroupChunks; chunk += many.lanes) {
    const Batch batch{bytes + chunk * kChunkBytes,
                      kChunkBytes,
                      kBlocksPerChunk,
                      &key,
                      counter + chunk,
                      1,
                      mode,
                      kChunkStart,
                      kChunkEnd};
    many.run(batch, values + chunk);
  }
  size_t count = kGroupChunks;
  while (count > 1) count = parents(values, count, key, mode, many);
  return values[0];
}

// Chaining values of finished subtrees, largest first, as in a binary counter of chunks.
struct Stack {
  Words values[kLevelsMax];
  size_t height = 0;

  void push(Words value, uint64_t subtrees, const Words& key, uint32_t mode) {
    for (; (subtrees & 1) == 0; subtrees >>= 1) {
      value = chaining_value(parent_of(values[--height], value, key, mode));
    }
    values[height++] = value;
  }
};

// The root node of `bytes`, not yet compressed.
Node root_of(std::span<const uint8_t> input, const Words& key, uint32_t mode) {
  const Engine many = engine();
  const uint8_t* bytes = input.data();
  size_t left = input.size();
  uint64_t counter = 0;
  Stack stack;
  while (left > kGroupChunks * kChunkBytes) {
    const Words value = group_value(bytes, counter, key, mode, many);
    counter += kGroupChunks;
    stack.push(value, counter / kGroupChunks, key, mode);
    bytes += kGroupChunks * kChunkBytes;
    left -= kGroupChunks * kChunkBytes;
  }
  // The rest forms a subtree of its own below the groups: at most 64 chunks, merged by their count.
  uint64_t rest = 0;
  while (left > kChunkBytes) {
    const Words value = chaining_value(chunk_node(bytes, kChunkBytes, counter, key, mode));
    counter++;
    stack.push(value, ++rest, key, mode);
    bytes += kChunkBytes;
    left -= kChunkBytes;
  }
  Node node = chunk_node(bytes, left, counter, key, mode);
  while (stack.height > 0) {
    node = parent_of(stack.values[--stack.height], chaining_value(node), key, mode);
  }
  return node;
}

void squeeze(const Node& root, std::span<uint8_t> out) {
  uint32_t state[16];
  for (uint64_t block = 0; block * kBlockBytes < out.size(); block++) {
    compress(root, root.flags | kRoot, block, state);
    const size_t offset = block * kBlockBytes;
    const size_t length = out.size() - offset < kBlockBytes ? out.size() - offset : kBlockBytes;
    std::memcpy(out.data() + offset, state, length);
  }
}

Words words_of(Key key) {
  Words words;
  std::memcpy(words.at, key.data(), kKeyBytes);
  return words;
}

Words plain_key() {
  Words words;
  std::memcpy(words.at, kIv, sizeof kIv);
  return words;
}

}  // namespace

Digest hash(std::span<const uint8_t> bytes) {
  Digest digest;
  squeeze(root_of(bytes, plain_key(), 0), digest);
  return digest;
}

Digest keyed(Key key, std::span<const uint8_t> bytes) {
  Digest digest;
  keyed_stream(key, bytes, digest);
  return digest;
}

void keyed_stream(Key key, std::span<const uint8_t> bytes, std::span<uint8_t> out) {
  squeeze(root_of(bytes, words_of(key), kKeyedHash), out);
}

}  // namespace blake3
