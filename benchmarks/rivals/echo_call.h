// SPDX-License-Identifier: Apache-2.0
// One gRPC ModelInfer call of the bare echo: DATA bytes in, the head of the answer out.
//
// Laws: every received byte is copied once, into `message`; the answer's tensor is a view of it.
// Owned by its connection; used by one thread.
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>

#include "message_pool.h"

namespace rivals {

constexpr size_t kPrefixBytes = 5;  // gRPC: one flag byte, four of length
constexpr size_t kMessageBytesMax = size_t{1} << 28;
constexpr size_t kHeadBytesMax = size_t{1} << 14;

struct EchoCall {
  std::array<char, kPrefixBytes> prefix;
  size_t prefix_size = 0;
  Buffer message;           // taken once the prefix says how long it is
  size_t message_size = 0;  // announced
  size_t received = 0;
  std::string head;         // the answer up to the tensor's bytes
  std::string_view tensor;  // lies in `message`
  size_t sent = 0;          // of head and tensor together
  bool is_refused = false;
  bool is_pointed_at = false;  // something unsent may point into `message`
  EchoCall* next = nullptr;    // the connection's calls
  EchoCall* previous = nullptr;

  // False: not a message this server takes.
  bool append(MessagePool& pool, const char* bytes, size_t size) {
    if (prefix_size < kPrefixBytes) {
      const size_t taken = std::min(size, kPrefixBytes - prefix_size);
      std::memcpy(prefix.data() + prefix_size, bytes, taken);
      prefix_size += taken;
      bytes += taken;
      size -= taken;
      if (prefix_size < kPrefixBytes) return true;
      uint32_t announced;
      std::memcpy(&announced, prefix.data() + 1, sizeof announced);
      message_size = ntohl(announced);
      if (prefix[0] != 0 || message_size > kMessageBytesMax) return false;
      message = pool.take(message_size);
    }
    if (size > message_size - received) return false;
    std::memcpy(message.bytes + received, bytes, size);
    received += size;
    return true;
  }

  // Makes `head` and `tensor`. False: the message is cut short or malformed.
  bool encode_answer() {
    if (prefix_size < kPrefixBytes || received != message_size) return false;
    try {
      encode();
    } catch (const protozero::exception&) {
      return false;
    }
    return head.size() <= kHeadBytesMax;
  }

  // Ready for the next call; the capacity of `head` stays.
  void reset() {
    prefix_size = message_size = received = sent = 0;
    message = {};
    tensor = {};
    is_refused = is_pointed_at = false;
  }

 private:
  void encode() {
    protozero::data_view model;
    protozero::data_view id;
    protozero::data_view datatype;
    protozero::data_view shape;
    protozero::pbf_reader request(message.bytes, received);
    while (request.next()) {
      switch (request.tag()) {
        case 1: model = request.get_view(); break;
        case 3: id = request.get_view(); break;
        case 5: read_input(request.get_view(), datatype, shape); break;
        case 7: {
          const protozero::data_view raw = request.get_view();
          tensor = {raw.data(), raw.size()};
          break;
        }
        default: request.skip();
      }
    }
    head.assign(kPrefixBytes, '\0');
    protozero::pbf_writer response(head);
    response.add_string(1, model);
    response.add_string(2, "1", 1);
    if (id.size() != 0) response.add_string(3, id);
    {
      protozero::pbf_writer output(response, 5);
      output.add_string(1, "OUTPUT0", 7);
      output.add_string(2, datatype);
      output.add_bytes(3, shape);
    }
    head.push_back((6 << 3) | 2);  // raw_output_contents: its bytes follow, uncopied
    protozero::add_varint_to_buffer(&head, tensor.size());
    const size_t size = head.size() - kPrefixBytes + tensor.size();
    const uint32_t announced = htonl(static_cast<uint32_t>(size));
    std::memcpy(head.data() + 1, &announced, sizeof announced);
  }

  static void read_input(protozero::data_view bytes, protozero::data_view& datatype,
                         protozero::data_view& shape) {
    protozero::pbf_reader input(bytes);
    while (input.next()) {
      if (input.tag() == 2) {
        datatype = input.get_view();
      } else if (input.tag() == 3) {
        shape = input.get_view();
      } else {
        input.skip();
      }
    }
  }
};

}  // namespace rivals
