// SPDX-License-Identifier: Apache-2.0
#include "drift/record.h"

#include <cstring>

#include "base/check.h"
#include "drift/byte_ring.h"

namespace penstock::drift {
namespace {

std::size_t lengths_bytes(std::size_t tensors) {
  return whole_words(tensors * sizeof(std::uint32_t));
}

}  // namespace

std::size_t record_bytes(const Rows& rows) {
  std::size_t sum = sizeof(RecordHead) + lengths_bytes(rows.tensors.size());
  for (const std::span<const std::byte> tensor : rows.tensors) sum += whole_words(tensor.size());
  return sum;
}

void write_record(std::uint64_t watch, const Rows& rows, std::byte* record) {
  const RecordHead head{
      .watch = watch, .key = rows.key, .rows = rows.rows, .has_key = rows.has_key ? 1U : 0U};
  std::memcpy(record, &head, sizeof head);
  std::byte* lengths = record + sizeof head;
  std::byte* at = lengths + lengths_bytes(rows.tensors.size());
  for (const std::span<const std::byte> tensor : rows.tensors) {
    const bool is_absent = tensor.data() == nullptr;
    const std::uint32_t length = is_absent ? kAbsent : static_cast<std::uint32_t>(tensor.size());
    std::memcpy(lengths, &length, sizeof length);
    lengths += sizeof length;
    copy_small(at, tensor);
    at += whole_words(tensor.size());
  }
}

std::uint64_t watch_of(std::span<const std::byte> record) {
  RecordHead head;
  PENSTOCK_CHECK(record.size() >= sizeof head);
  std::memcpy(&head, record.data(), sizeof head);
  return head.watch;
}

Rows read_record(std::span<const std::byte> record, std::span<std::span<const std::byte>> tensors) {
  RecordHead head;
  std::memcpy(&head, record.data(), sizeof head);
  const std::byte* lengths = record.data() + sizeof head;
  const std::byte* at = lengths + lengths_bytes(tensors.size());
  for (std::span<const std::byte>& tensor : tensors) {
    std::uint32_t length = 0;
    std::memcpy(&length, lengths, sizeof length);
    lengths += sizeof length;
    tensor = length == kAbsent ? std::span<const std::byte>() : std::span(at, length);
    at += whole_words(tensor.size());
  }
  PENSTOCK_CHECK(at == record.data() + record.size());
  return {.rows = head.rows, .has_key = head.has_key != 0, .key = head.key, .tensors = tensors};
}

}  // namespace penstock::drift
