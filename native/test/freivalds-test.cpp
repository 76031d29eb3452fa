// Field laws on hard values, right products accepted, every kind of wrong element found.

#include "proof/freivalds.h"

#include <vector>

#include "proof/goldilocks.h"
#include "test/check.h"

namespace {

using goldilocks::kModulus;
using goldilocks::Wide;

void field_laws() {
  Random random;
  const uint64_t hard[] = {0,
                           1,
                           2,
                           kModulus - 1,
                           kModulus - 2,
                           goldilocks::kEpsilon,
                           1ULL << 32,
                           (1ULL << 32) + 1,
                           1ULL << 63,
                           0xFFFFFFFEFFFFFFFFULL};
  for (const uint64_t left : hard) {
    for (const uint64_t right : hard) {
      CHECK(goldilocks::multiply(left, right) ==
            static_cast<uint64_t>(static_cast<Wide>(left) * right % kModulus));
      CHECK(goldilocks::add(left, right) ==
            static_cast<uint64_t>((static_cast<Wide>(left) + right) % kModulus));
      CHECK(goldilocks::add(goldilocks::subtract(left, right), right) == left);
    }
  }
  for (int i = 0; i < 100000; i++) {
    const Wide value = (static_cast<Wide>(random.next()) << 64) | random.next();
    CHECK(goldilocks::reduce(value) == static_cast<uint64_t>(value % kModulus));
    const int64_t number = static_cast<int64_t>(random.next());
    const uint64_t element = goldilocks::from_signed(number);
    CHECK(element < kModulus);
    CHECK(goldilocks::add(element, goldilocks::from_signed(-(number >> 1))) ==
          goldilocks::from_signed(number - (number >> 1)));
  }
}

void product(size_t m, size_t n, size_t k, bool extreme) {
  Random random;
  std::vector<int8_t> a(m * k);
  std::vector<int8_t> b(n * k);
  std::vector<int32_t> c(m * n, 0);
  for (auto& value : a) value = extreme ? -128 : static_cast<int8_t>(random.next());
  for (auto& value : b) value = extreme ? -128 : static_cast<int8_t>(random.next());
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) {
      for (size_t x = 0; x < k; x++) c[i * n + j] += a[i * k + x] * b[j * k + x];
    }
  }
  uint8_t secret[32] = {7};
  const uint8_t receipt[32] = {9};
  runtime::Pool pool(3);
  const auto coins = freivalds::draw_coins(secret, receipt, 5, n);
  const freivalds::Claim claim{m, n, k, a.data(), b.data(), c.data()};
  CHECK(coins.size() == n);
  CHECK(!freivalds::find_fault(claim, coins, pool));
  for (int i = 0; i < 20; i++) {
    const size_t at = random.next() % c.size();
    const int32_t honest = c[at];
    c[at] ^= static_cast<int32_t>(1u << (random.next() % 32));
    CHECK(freivalds::find_fault(claim, coins, pool) == at);
    c[at] = honest;
  }
  // Two errors that cancel in the plain sum of the row.
  if (n > 1) {
    c[0]++;
    c[1]--;
    CHECK(freivalds::find_fault(claim, coins, pool) == size_t{0});
    c[0]--;
    c[1]++;
  }
}

void coins_are_private_and_distinct() {
  uint8_t secret[32] = {1};
  const uint8_t receipt[32] = {2};
  const auto first = freivalds::draw_coins(secret, receipt, 0, 100);
  CHECK(first == freivalds::draw_coins(secret, receipt, 0, 100));
  CHECK(first != freivalds::draw_coins(secret, receipt, 1, 100));
  secret[31] = 1;
  CHECK(first != freivalds::draw_coins(secret, receipt, 0, 100));
}

}  // namespace

int main() {
  field_laws();
  coins_are_private_and_distinct();
  product(1, 1, 1, false);
  product(3, 5, 7, false);
  product(65, 130, 257, false);
  product(40, 1100, 33, false);
  product(2, 3, 65536, true);
  product(33, 64, 784, true);
  return 0;
}
