// SPDX-License-Identifier: Apache-2.0
// gRPC's framing: however a stream of DATA is cut, the same messages come out of it, or the same
// refusal; what is compressed is decompressed within its bounds.
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_input.h"
#include "grpc/compression.h"
#include "grpc/framing.h"

namespace penstock::fuzzing {
namespace {

constexpr std::size_t kMessageBytesMax = std::size_t{64} << 10;

struct Reading {
  std::vector<std::string> messages;
  std::vector<bool> compressed;
  std::string refusal;

  friend bool operator==(const Reading&, const Reading&) = default;
};

Reading read_all(std::string_view stream, const grpc::MessageLimits& limits, std::uint32_t seed) {
  Reading reading;
  grpc::MessageReader reader(limits);
  grpc::Message message;
  Cuts cuts(seed);
  while (!stream.empty()) {
    // A block of its own: what outlives the piece is seen.
    const std::string piece(seed == 0 ? std::exchange(stream, {}) : cuts.next(stream));
    std::span<const std::byte> data = bytes_of(piece);
    while (!data.empty()) {
      const std::size_t before = data.size();
      const base::Result<bool> is_complete = reader.read(data, message);
      if (!is_complete) {
        reading.refusal = is_complete.error().why;
        return reading;
      }
      PENSTOCK_CHECK(data.size() < before);
      PENSTOCK_CHECK(reader.held_bytes() <=
                     grpc::MessageReader::kEagerBytesMax + limits.message_bytes_max);
      if (!*is_complete) continue;
      PENSTOCK_CHECK(message.bytes.bytes.size() <= limits.message_bytes_max);
      reading.messages.emplace_back(message.text());
      reading.compressed.push_back(message.is_compressed);
    }
  }
  if (const auto whole = reader.finish(); !whole) reading.refusal = whole.error().why;
  if (limits.is_unary && reading.refusal.empty()) PENSTOCK_CHECK(reading.messages.size() == 1);
  return reading;
}

// What was accepted, compressed by the server's own hand, is again the same.
void check_round_trip(grpc::Encoding encoding, std::string_view plain) {
  const base::Buffer block = base::Buffer::allocate(grpc::kFramePrefixBytes + plain.size());
  std::copy_n(plain.data(), plain.size(),
              reinterpret_cast<char*>(block.data()) + grpc::kFramePrefixBytes);
  const base::Slice frame{block, block.bytes()};
  const base::Slice packed =
      grpc::compress_frame(encoding, grpc::CompressionLevel::kLow, std::span(&frame, 1));
  if (packed.bytes.empty()) return;
  const auto again =
      grpc::decompress(encoding, packed.bytes.subspan(grpc::kFramePrefixBytes), plain.size());
  PENSTOCK_CHECK(again.has_value() && text_of(again->bytes) == plain);
}

void run(Input input) {
  const std::uint8_t choice = input.u8();
  const std::uint32_t seed = input.u16() | 1U;
  const auto encoding = static_cast<grpc::Encoding>((choice >> 1) % 3);
  const grpc::MessageLimits limits{
      .message_bytes_max = kMessageBytesMax, .encoding = encoding, .is_unary = (choice & 1) != 0};
  const std::string_view stream = input.rest();
  const Reading whole = read_all(stream, limits, 0);
  PENSTOCK_CHECK(read_all(stream, limits, seed) == whole);
  for (std::size_t i = 0; i < whole.messages.size(); ++i) {
    if (!whole.compressed[i]) continue;
    PENSTOCK_CHECK(encoding != grpc::Encoding::kIdentity);
    const auto plain = grpc::decompress(encoding, bytes_of(whole.messages[i]), kMessageBytesMax);
    if (!plain) continue;
    PENSTOCK_CHECK(plain->bytes.size() <= kMessageBytesMax);
    touch(text_of(plain->bytes));
    check_round_trip(encoding, text_of(plain->bytes));
  }
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
