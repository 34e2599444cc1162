// SPDX-License-Identifier: Apache-2.0
#include "grpc/metadata.h"

#include <array>
#include <cstdint>

namespace penstock::grpc {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Alphabet position of each byte; 64 for bytes that are not in it.
constexpr std::array<std::uint8_t, 256> kSextets = [] {
  std::array<std::uint8_t, 256> sextets{};
  sextets.fill(64);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    sextets[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return sextets;
}();

// Decodes one value, padded or not; false if it is no base64.
bool decode_base64(std::string_view text, std::string& bytes) {
  if (text.size() % 4 == 0) {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return false;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    const std::uint8_t sextet = kSextets[static_cast<unsigned char>(c)];
    if (sextet == 64) return false;
    bits = (bits << 6 | sextet) & 0xFFFF;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes.push_back(static_cast<char>(bits >> bit_count & 0xFF));
  }
  return true;
}

}  // namespace

bool is_custom_metadata(std::string_view name) {
  if (name.empty() || name.front() == ':') return false;
  // gRPC keeps the names that begin with "grpc-"; these three it hands to applications.
  if (name.starts_with("grpc-")) {
    return name == "grpc-trace-bin" || name == "grpc-tags-bin" ||
           name == "grpc-previous-rpc-attempts";
  }
  return name != "te" && name != "content-type" && name != "content-length" && name != "host";
}

base::Result<std::vector<std::string>> decode_binary_metadata(const http::Field& field) {
  std::vector<std::string> values;
  std::string_view rest = field.value;
  for (;;) {
    const std::size_t comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (!decode_base64(one, values.emplace_back())) {
      return base::fail(base::Code::kInvalidArgument,
                        "metadata \"" + std::string(field.name) +
                            "\" must be base64, since its name ends in \"-bin\", but it is not");
    }
    if (comma == std::string_view::npos) return values;
    rest.remove_prefix(comma + 1);
  }
}

std::string encode_binary_metadata(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFFF;
    for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
      text.push_back(kAlphabet[bits >> (bit_count - 6) & 63]);
    }
  }
  if (bit_count > 0) text.push_back(kAlphabet[bits << (6 - bit_count) & 63]);
  return text;
}

}  // namespace penstock::grpc
