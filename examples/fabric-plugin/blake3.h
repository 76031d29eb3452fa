/* BLAKE3, plain hash of bytes in memory: what a receipt names outputs by. */

#ifndef SAMPLE_BLAKE3_H
#define SAMPLE_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

void blake3_hash(const uint8_t* bytes, size_t length, uint8_t out[32]);

#endif
