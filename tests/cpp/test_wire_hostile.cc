// SPDX-License-Identifier: Apache-2.0

// Requests cut off at every byte and changed at random: each decodes or is refused. What matters
// most is seen by AddressSanitizer and UndefinedBehaviorSanitizer.

#include <random>
#include <string>
#include <vector>

#include "golden/wire.h"
#include "harness.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using testing::Decoded;
using testing::unhex;

std::vector<std::string> valid_requests() {
  std::vector<std::string> requests;
  for (const char* digits :
       {golden::kFullRawRequest, golden::kBoolTypedRequest, golden::kUint8TypedRequest,
        golden::kUint64TypedRequest, golden::kInt8TypedRequest, golden::kInt16TypedRequest,
        golden::kInt64TypedRequest, golden::kFp16TypedRequest, golden::kFp32TypedRequest,
        golden::kFp64TypedRequest, golden::kBytesTypedRequest, golden::kBytesRawRequest}) {
    requests.push_back(unhex(digits));
  }
  return requests;
}

// Whatever came, what a caller may rely on holds.
void expect_lawful(const Decoded& decoded) {
  if (!decoded.result) {
    EXPECT_EQ(decoded.result.error().code, base::Code::kInvalidArgument);
    EXPECT(!decoded.why().empty());
    EXPECT_LT(decoded.why().size(), 1000);
    EXPECT(decoded.request.inputs.empty());
    return;
  }
  const wire::InferRequest& request = decoded.request;
  std::size_t bytes_seen = 0;
  for (const wire::InferInput& input : request.inputs) {
    EXPECT(!input.name.empty());
    const auto elements = input.shape.elements();
    REQUIRE(elements.has_value());
    const std::size_t each = base::element_bytes(input.dtype);
    if (each != 0) EXPECT_EQ(input.bytes.bytes.size(), static_cast<std::size_t>(*elements) * each);
    for (const std::byte byte : input.bytes.bytes) bytes_seen += static_cast<std::size_t>(byte);
    for (const wire::Parameter& own : request.parameters_of(input.parameters)) {
      bytes_seen += own.name.size();
    }
  }
  for (const wire::RequestedOutput& output : request.outputs) EXPECT(!output.name.empty());
  EXPECT_LE(request.parameters_of(request.parameters).size(), request.parameters_pool.size());
  EXPECT_LT(bytes_seen, std::size_t{1} << 30);
}

TEST(wire_hostile, every_truncation_decodes_or_is_refused) {
  for (const std::string& request : valid_requests()) {
    EXPECT_EQ(Decoded(request).why(), "");
    for (std::size_t size = 0; size < request.size(); ++size) {
      expect_lawful(Decoded(std::string_view(request).substr(0, size)));
    }
  }
}

TEST(wire_hostile, every_single_byte_may_have_every_value) {
  for (const std::string& request : valid_requests()) {
    std::string changed = request;
    for (std::size_t at = 0; at < changed.size(); ++at) {
      for (const int value : {0, 1, 2, 5, 8, 10, 0x12, 0x1a, 0x2a, 0x3a, 0x7f, 0x80, 0xfe, 0xff}) {
        changed[at] = static_cast<char>(value);
        expect_lawful(Decoded(changed));
      }
      changed[at] = request[at];
    }
  }
}

TEST(wire_hostile, random_changes_decode_or_are_refused) {
  std::mt19937 random(20240229);  // NOLINT: the same changes every time
  const auto below = [&](std::size_t end) { return static_cast<std::size_t>(random()) % end; };
  const std::vector<std::string> requests = valid_requests();
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = requests[below(requests.size())];
    const std::string& other = requests[below(requests.size())];
    for (std::size_t edits = 1 + below(6); edits > 0 && !changed.empty(); --edits) {
      const std::size_t at = below(changed.size());
      switch (below(5)) {
        case 0: changed[at] = static_cast<char>(random()); break;
        case 1: changed[at] = static_cast<char>(changed[at] ^ (1 << below(8))); break;
        case 2: changed.erase(at, below(16)); break;
        case 3: changed.insert(at, other, below(other.size()), below(24)); break;
        default: changed.insert(at, 1 + below(3), static_cast<char>(random()));
      }
    }
    expect_lawful(Decoded(changed));
  }
}

}  // namespace
}  // namespace penstock
