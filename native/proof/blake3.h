// BLAKE3: plain, keyed, and keyed with output of any length.
//
// Source: J. O'Connor, J.-P. Aumasson, S. Neves, Z. Wilcox-O'Hearn, "BLAKE3: one function, fast
// everywhere" (2021), sections 2.1 to 2.6. Official vectors: test/vectors/blake3.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace blake3 {

inline constexpr size_t kDigestBytes = 32;
inline constexpr size_t kKeyBytes = 32;

using Digest = std::array<uint8_t, kDigestBytes>;
using Key = std::span<const uint8_t, kKeyBytes>;

Digest hash(std::span<const uint8_t> bytes);
Digest keyed(Key key, std::span<const uint8_t> bytes);

// Fills `out`, of any length, with the keyed output stream from its beginning.
void keyed_stream(Key key, std::span<const uint8_t> bytes, std::span<uint8_t> out);

}  // namespace blake3
