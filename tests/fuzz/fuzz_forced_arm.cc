// SPDX-License-Identifier: Apache-2.0
// The header that forces an arm: as a peer sends it, and signed over whatever a peer may name.
#include <string>
#include <vector>

#include "base/sha256.h"
#include "base/text.h"
#include "fuzz_input.h"
#include "routing/forced_arm.h"

namespace penstock::fuzzing {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::string_view kRoute = "m";

const std::vector<std::string>& keys() {
  static const std::vector<std::string> keys = {"the first of two secrets", "and the second one"};
  return keys;
}

std::string signature(const std::string& key, std::string_view arm, std::string_view expires) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(kRoute);
  text.append("\n").append(arm).append("\n").append(expires);
  std::string hex;
  for (const std::byte byte : base::hmac_sha256(key, text)) {
    hex += kDigits[std::to_integer<unsigned>(byte >> 4)];
    hex += kDigits[std::to_integer<unsigned>(byte & std::byte{15})];
  }
  return hex;
}

// Whether the header is what somebody signs who means it: the definition, by making it again.
bool is_meant(std::string_view header) {
  const std::size_t first = header.find(';');
  if (first == 0 || first == std::string_view::npos) return false;
  const std::string_view arm = header.substr(0, first);
  if (arm.find('\n') != std::string_view::npos) return false;
  const std::size_t second = header.find(';', first + 1);
  if (second == std::string_view::npos) return false;
  const std::string_view expires = header.substr(first + 1, second - first - 1);
  if (expires.empty() || expires.find_first_not_of("0123456789") != std::string_view::npos) {
    return false;
  }
  __extension__ using Wide = unsigned __int128;
  Wide seconds = 0;
  for (const char digit : expires) {
    if (seconds < Wide{1} << 100) seconds = seconds * 10 + static_cast<unsigned>(digit - '0');
  }
  if (seconds <= kNow || seconds > kNow + routing::kForcedSecondsMax) return false;
  for (const std::string& key : keys()) {
    if (header.substr(second + 1) == signature(key, arm, expires)) return true;
  }
  return false;
}

void check(std::string_view header) {
  const auto arm = routing::read_forced_arm(header, kRoute, keys(), kNow);
  PENSTOCK_CHECK(arm.has_value() == is_meant(header));
  if (arm) {
    touch(*arm);
    PENSTOCK_CHECK(arm->data() == header.data() && !arm->empty());
    return;
  }
  PENSTOCK_CHECK(arm.error().code == base::Code::kPermissionDenied);
  PENSTOCK_CHECK(base::is_utf8(arm.error().why));
}

void run(Input input) {
  const std::size_t kind = input.below(3);
  std::string header(input.rest());
  if (kind > 0) {  // whatever stands before the last ';' is signed, as far as it has two parts
    const std::size_t cut = header.find(';');
    if (cut == std::string::npos) return;
    const std::string signed_by =
        signature(keys()[kind - 1], header.substr(0, cut), header.substr(cut + 1));
    header += ";" + signed_by;
  }
  check(header);
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
