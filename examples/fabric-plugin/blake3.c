/*
 * Source: J. O'Connor, J.-P. Aumasson, S. Neves, Z. Wilcox-O'Hearn, "BLAKE3: one function, fast
 * everywhere" (2021), section 2.
 */

#include "blake3.h"

#include <string.h>

enum { BLOCK_BYTES = 64, CHUNK_BYTES = 1024 };
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t IV[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint8_t PERMUTATION[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

static uint32_t rotated(uint32_t x, int by) { return x >> by | x << (32 - by); }

static void mix(uint32_t v[16], int a, int b, int c, int d, uint32_t x, uint32_t y) {
  v[a] = v[a] + v[b] + x;
  v[d] = rotated(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = rotated(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = rotated(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = rotated(v[b] ^ v[c], 7);
}

static void compress(uint32_t cv[8], const uint8_t* block, size_t length, uint64_t counter,
                     uint32_t flags) {
  uint32_t m[16] = {0};
  memcpy(m, block, length);
  uint32_t v[16];
  memcpy(v, cv, 32);
  memcpy(v + 8, IV, 16);
  v[12] = (uint32_t)counter;
  v[13] = (uint32_t)(counter >> 32);
  v[14] = (uint32_t)length;
  v[15] = flags;
  for (int round = 0; round < 7; round++) {
    for (int i = 0; i < 4; i++) mix(v, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1]);
    for (int i = 0; i < 4; i++) {
      mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i]);
    }
    uint32_t next[16];
    for (int i = 0; i < 16; i++) next[i] = m[PERMUTATION[i]];
    memcpy(m, next, sizeof m);
  }
  for (int i = 0; i < 8; i++) cv[i] = v[i] ^ v[i + 8];
}

static void hash_chunk(const uint8_t* bytes, size_t length, uint64_t number, uint32_t root,
                       uint32_t cv[8]) {
  memcpy(cv, IV, 32);
  size_t at = 0;
  do {
    const size_t left = length - at;
    const size_t size = left < BLOCK_BYTES ? left : BLOCK_BYTES;
    const uint32_t first = at == 0 ? CHUNK_START : 0;
    const uint32_t last = left <= BLOCK_BYTES ? CHUNK_END | root : 0;
    compress(cv, bytes + at, size, number, first | last);
    at += size;
  } while (at < length);
}

/* The left half of a tree holds the largest power of two of chunks that leaves something over. */
static void hash_tree(const uint8_t* bytes, size_t length, uint64_t number, uint32_t root,
                      uint32_t cv[8]) {
  if (length <= CHUNK_BYTES) {
    hash_chunk(bytes, length, number, root, cv);
    return;
  }
  size_t left = CHUNK_BYTES;
  while (2 * left < length) left *= 2;
  uint32_t pair[16];
  hash_tree(bytes, left, number, 0, pair);
  hash_tree(bytes + left, length - left, number + left / CHUNK_BYTES, 0, pair + 8);
  memcpy(cv, IV, 32);
  compress(cv, (const uint8_t*)pair, BLOCK_BYTES, 0, PARENT | root);
}

void blake3_hash(const uint8_t* bytes, size_t length, uint8_t out[32]) {
  uint32_t cv[8];
  hash_tree(bytes, length, 0, ROOT, cv);
  memcpy(out, cv, 32);
}
