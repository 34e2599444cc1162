// SPDX-License-Identifier: Apache-2.0
#include "routing/forced_arm.h"

#include <charconv>
#include <optional>

#include "base/sha256.h"

namespace penstock::routing {
namespace {

using base::Code;

std::unexpected<base::Error> refuse(std::string_view why) {
  return base::fail(Code::kPermissionDenied,
                    std::string(kForcedArmHeader) + " is refused: " + std::string(why));
}

std::optional<std::byte> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::byte>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::byte>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<base::Digest> read_digest(std::string_view text) {
  base::Digest digest;
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = hex_digit(text[2 * i]);
    const auto low = hex_digit(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest[i] = *high << 4 | *low;
  }
  return digest;
}

// Digits alone, without a sign; nothing for what is more than 64 bits hold.
std::optional<std::int64_t> read_seconds(std::string_view text) {
  if (text.empty() || text.front() == '-') return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds;
}

struct ForcedArm {
  std::string_view arm;
  std::string_view expires;
  std::int64_t expires_s = 0;
  base::Digest signature{};
};

std::optional<ForcedArm> parse(std::string_view header) {
  const std::size_t first = header.find(';');
  if (first == 0 || first == std::string_view::npos) return std::nullopt;
  const std::size_t second = header.find(';', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  ForcedArm forced;
  forced.arm = header.substr(0, first);
  forced.expires = header.substr(first + 1, second - first - 1);
  const auto expires_s = read_seconds(forced.expires);
  const auto signature = read_digest(header.substr(second + 1));
  // A line break would let one signature stand for another pair of route and arm.
  if (!expires_s || !signature || forced.arm.find('\n') != std::string_view::npos) {
    return std::nullopt;
  }
  forced.expires_s = *expires_s;
  forced.signature = *signature;
  return forced;
}

bool is_signed(const ForcedArm& forced, std::string_view route, std::span<const std::string> keys) {
  std::string text;
  text.reserve(route.size() + forced.arm.size() + forced.expires.size() + 2);
  text.append(route).append(1, '\n').append(forced.arm).append(1, '\n').append(forced.expires);
  bool is_any = false;
  for (const std::string& key : keys) {  // all of them: the time tells nothing of which it was
    is_any |= base::is_same_secret(base::hmac_sha256(key, text), forced.signature);
  }
  return is_any;
}

}  // namespace

base::Result<std::string_view> read_forced_arm(std::string_view header, std::string_view route,
                                               std::span<const std::string> keys,
                                               std::int64_t now_s) {
  const auto forced = parse(header);
  if (!forced) {
    return refuse(
        "wanted ARM;EXPIRES;SIGNATURE with the expiry in seconds since 1970 and the signature as "
        "64 lower-case hexadecimal digits");
  }
  if (!is_signed(*forced, route, keys)) {
    return refuse("no key of this route has signed this arm and expiry");
  }
  if (forced->expires_s <= now_s) return refuse("it has expired; sign another");
  if (forced->expires_s - kForcedSecondsMax > now_s) {
    return refuse("it is valid for more than 7 days; sign one that expires earlier");
  }
  return forced->arm;
}

}  // namespace penstock::routing
