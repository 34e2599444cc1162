// SPDX-License-Identifier: Apache-2.0
#pragma once

// A grammar of HTTP/2: every input is a sequence of frames that are nearly right, so that the
// fuzzer gets past the first check of each.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz_input.h"

namespace penstock::fuzzing {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum FrameType : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kResetStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};
inline constexpr std::uint8_t kEndStream = 0x1;  // of SETTINGS and PING: ACK
inline constexpr std::uint8_t kEndHeaders = 0x4;
inline constexpr std::uint8_t kPadded = 0x8;
inline constexpr std::uint8_t kHasPriority = 0x20;

inline void put_number(std::string& bytes, std::uint32_t value, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift & 255);
  }
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream_id,
                         std::string_view payload) {
  std::string bytes;
  put_number(bytes, static_cast<std::uint32_t>(payload.size()), 3);
  put_number(bytes, type, 1);
  put_number(bytes, flags, 1);
  put_number(bytes, stream_id, 4);
  return bytes.append(payload);
}

// Writes the frames of one client. Stream ids go up, as a client's do; now and then another one
// is named.
class FrameWriter {
 public:
  // The next frames as `input` has it: one, or a header section in several.
  std::string next(Input& input) {
    switch (input.below(16)) {
      case 0:
      case 1:
      case 2: return headers(input);
      case 3:
      case 4:
      case 5: return data(input);
      case 6: return settings(input);
      case 7: return frame(kWindowUpdate, 0, stream_or_connection(input), four_bytes(input));
      case 8: return frame(kPing, input.u8() & kEndStream, 0, eight_bytes(input));
      case 9: return frame(kResetStream, 0, stream(input), four_bytes(input));
      case 10: {
        const std::string last_stream = four_bytes(input);
        return frame(kGoaway, 0, 0, last_stream + eight_bytes(input));
      }
      case 11: return frame(kPriority, 0, stream(input), priority(input));
      case 12: {  // trailers
        return section(input, stream(input), kEndStream, text_fields(input));
      }
      case 13: return frame(kSettings, kEndStream, 0, {});
      case 14: return any_frame(input);
      default: return std::string(input.bytes(input.u8()));
    }
  }

  // A request's header section with these fields, HPACK: literals without indexing.
  std::string request(std::string_view path, std::uint8_t flags, std::string_view more_fields) {
    next_stream_ += 2;
    return frame(kHeaders, flags | kEndHeaders, next_stream_, request_block(path, more_fields));
  }
  std::uint32_t last_stream() const { return next_stream_; }

  // Both shorter than 127 bytes.
  static std::string field(std::string_view name, std::string_view value) {
    std::string block(1, '\0');
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    return block.append(value);
  }

 private:
  static std::string request_block(std::string_view path, std::string_view more_fields) {
    std::string block = "\x83\x86";  // :method POST, :scheme http
    block += field(":path", path);
    return block.append(more_fields);
  }
  static std::string four_bytes(Input& input) {
    std::string bytes;
    const std::uint8_t choice = input.u8();
    put_number(bytes, (choice & 1) != 0 ? choice : input.u32(), 4);
    return bytes;
  }
  static std::string eight_bytes(Input& input) {
    std::string bytes(input.bytes(8));
    bytes.resize(8);
    return bytes;
  }
  static std::string priority(Input& input) { return four_bytes(input) + '\x10'; }

  std::uint32_t stream(Input& input) {
    const std::uint8_t choice = input.u8();
    if (choice < 200) return next_stream_ - 2U * (choice % 4);
    if (choice < 250) return choice;
    return input.u32();
  }
  std::uint32_t stream_or_connection(Input& input) {
    return (input.u8() & 1) != 0 ? 0 : stream(input);
  }

  std::string text_fields(Input& input) {
    static constexpr std::array<std::string_view, 8> kNames = {
        "te", "content-type", "grpc-timeout", "grpc-encoding", "x-a", "x-b-bin", "cookie", ":path"};
    std::string block;
    for (std::size_t left = input.below(5); left > 0; --left) {
      const std::string_view name = kNames[input.below(kNames.size())];
      block += field(name, input.bytes(input.below(100)));
    }
    return block;
  }

  std::string headers(Input& input) {
    const std::uint8_t choice = input.u8();
    std::uint32_t id = 0;
    if (choice < 230) {
      id = next_stream_ += 2;
    } else {
      id = stream(input);
    }
    std::string block;
    switch (choice % 8) {
      case 0: block = input.bytes(input.u8()); break;
      case 1: block = text_fields(input); break;
      case 2: block = std::string("\x82\x86\x84", 3) + text_fields(input); break;  // GET /
      case 3: block = request_block("/a", std::string(input.u16() % 1024, '\x90')); break;
      default: block = request_block("/a.B/C", text_fields(input));
    }
    return section(input, id, (choice & 16) != 0 ? kEndStream : 0, block);
  }

  // HEADERS with whatever may be in it, and CONTINUATIONs for what does not fit.
  std::string section(Input& input, std::uint32_t id, std::uint8_t flags, std::string_view block) {
    const std::uint8_t choice = input.u8();
    std::string payload;
    const std::size_t padding = (choice & 1) != 0 ? input.below(40) : 0;
    if ((choice & 1) != 0) {
      flags |= kPadded;
      payload += static_cast<char>(padding);
    }
    if ((choice & 2) != 0) {
      flags |= kHasPriority;
      payload += priority(input);
    }
    const bool is_cut = (choice & 12) == 12;
    const std::size_t first = is_cut ? std::min(block.size(), input.below(64)) : block.size();
    payload += block.substr(0, first);
    payload += std::string(padding, '\0');
    std::string bytes = frame(kHeaders, flags | (is_cut ? 0 : kEndHeaders), id, payload);
    if (!is_cut) return bytes;
    if ((choice & 16) != 0) bytes += frame(kContinuation, 0, id, {});
    if ((choice & 240) == 240) return bytes;  // never ended
    return bytes + frame(kContinuation, kEndHeaders, id, block.substr(first));
  }

  std::string data(Input& input) {
    const std::uint8_t choice = input.u8();
    const std::uint32_t id = stream(input);
    std::string payload;
    const std::size_t padding = (choice & 2) != 0 ? input.below(40) : 0;
    std::uint8_t flags = choice & kEndStream;
    if ((choice & 2) != 0) {
      flags |= kPadded;
      payload += static_cast<char>(padding);
    }
    if ((choice & 4) != 0) {
      payload += std::string(std::size_t{input.u8()} * 64, 'd');
    } else {
      payload += input.bytes(input.below(64));
    }
    return frame(kData, flags, id, payload + std::string(padding, '\0'));
  }

  static std::string settings(Input& input) {
    std::string payload;
    for (std::size_t left = input.below(4); left > 0; --left) {
      put_number(payload, static_cast<std::uint32_t>(input.below(10)), 2);
      payload += four_bytes(input);
    }
    return frame(kSettings, 0, 0, payload);
  }

  std::string any_frame(Input& input) {
    const std::uint8_t type = input.u8();
    const std::uint8_t flags = input.u8();
    const std::uint32_t id = stream_or_connection(input);
    return frame(type, flags, id, input.bytes(input.u8()));
  }

  // As an unsigned number: the first request is stream 1.
  std::uint32_t next_stream_ = static_cast<std::uint32_t>(-1);
};

}  // namespace penstock::fuzzing
