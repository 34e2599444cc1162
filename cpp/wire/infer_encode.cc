// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include "wire/infer_codec.h"
#include "wire/protobuf.h"

// inference.ModelInferResponse: 1 model_name, 2 model_version, 3 id, 4 parameters, 5 outputs,
// 6 raw_output_contents; an output is 1 name, 2 datatype, 3 shape, 4 parameters (a map: entries of
// 1 key, 2 InferParameter, which is 2 int64_param or 3 string_param). In bytes:
//
//   prefix | names | outputs | tag len | raw | tag len | raw | ...
//   <------------ one block ----------->  ^-- copied into the block, or a piece of its own
namespace penstock::wire {
namespace {

std::size_t shape_bytes(const base::Shape& shape) {
  std::size_t bytes = 0;
  for (const std::int64_t dim : shape.dims()) {
    bytes += varint_bytes(static_cast<std::uint64_t>(dim));
  }
  return bytes;
}

// The entries of an output's parameters, each a map entry's bytes without their tag and length.
std::size_t text_entry_bytes(std::string_view key, std::string_view text) {
  return sized_field_bytes(key.size()) + sized_field_bytes(sized_field_bytes(text.size()));
}

std::size_t number_entry_bytes(std::string_view key, std::uint64_t number) {
  return sized_field_bytes(key.size()) + sized_field_bytes(1 + varint_bytes(number));
}

std::size_t place_bytes(const SharedPlace& place) {
  return sized_field_bytes(text_entry_bytes(kSharedMemoryRegion, place.region)) +
         sized_field_bytes(number_entry_bytes(kSharedMemoryByteSize, place.byte_size)) +
         sized_field_bytes(number_entry_bytes(kSharedMemoryOffset, place.offset));
}

void put_number(FieldWriter& writer, std::string_view key, std::uint64_t number) {
  writer.open_field(4, number_entry_bytes(key, number));
  writer.put_string(1, key);
  writer.open_field(2, 1 + varint_bytes(number));
  writer.put_varint(varint_field(2));
  writer.put_varint(number);
}

void put_text(FieldWriter& writer, std::string_view key, std::string_view text) {
  writer.open_field(4, text_entry_bytes(key, text));
  writer.put_string(1, key);
  writer.open_field(2, sized_field_bytes(text.size()));
  writer.open_field(3, text.size());
  writer.put_bytes(bytes_of(text));
}

void put_place(FieldWriter& writer, const SharedPlace& place) {
  put_text(writer, kSharedMemoryRegion, place.region);
  put_number(writer, kSharedMemoryByteSize, place.byte_size);
  put_number(writer, kSharedMemoryOffset, place.offset);
}

// What goes into the message of the tensor's bytes.
std::span<const std::byte> contents_of(const InferOutput& output) {
  return output.shared ? std::span<const std::byte>() : output.tensor->bytes.bytes;
}

// The parts of an output's message whose sizes are needed before and while writing.
struct OutputLayout {
  std::string_view datatype;
  std::size_t shape_bytes = 0;
  std::size_t message_bytes = 0;

  explicit OutputLayout(const InferOutput& output)
      : datatype(base::name_of(output.tensor->dtype)),
        shape_bytes(wire::shape_bytes(output.tensor->shape)),
        message_bytes(string_field_bytes(output.name) + string_field_bytes(datatype) +
                      (shape_bytes == 0 ? 0 : sized_field_bytes(shape_bytes)) +
                      (output.shared ? place_bytes(*output.shared) : 0)) {}
};

void put_output(FieldWriter& writer, const InferOutput& output) {
  const OutputLayout layout(output);
  writer.open_field(5, layout.message_bytes);
  writer.put_string(1, output.name);
  writer.put_string(2, layout.datatype);
  if (layout.shape_bytes > 0) {
    writer.open_field(3, layout.shape_bytes);
    for (const std::int64_t dim : output.tensor->shape.dims()) {
      writer.put_varint(static_cast<std::uint64_t>(dim));
    }
  }
  if (output.shared) put_place(writer, *output.shared);
}

}  // namespace

void encode_infer_answer(const InferAnswer& answer, std::size_t prefix_bytes,
                         EncodedMessage& encoded) {
  std::size_t block_bytes = prefix_bytes + string_field_bytes(answer.model_name) +
                            string_field_bytes(answer.model_version) +
                            string_field_bytes(answer.id);
  if (!answer.arm.empty()) {
    block_bytes += sized_field_bytes(text_entry_bytes(kArmParameter, answer.arm));
  }
  std::size_t referred_bytes = 0;
  for (const InferOutput& output : answer.outputs) {
    PENSTOCK_CHECK(output.tensor != nullptr);
    const std::size_t raw_bytes = contents_of(output).size();
    block_bytes += sized_field_bytes(OutputLayout(output).message_bytes);
    block_bytes += 1 + varint_bytes(raw_bytes);
    (raw_bytes < kReferredBytesMin ? block_bytes : referred_bytes) += raw_bytes;
  }
  encoded.pieces.clear();
  encoded.size = block_bytes + referred_bytes;
  if (block_bytes == 0) return;

  base::Buffer block = base::Buffer::try_allocate(block_bytes);
  if (!block) return;
  std::byte* piece_begin = block.data();
  std::byte* const block_end = piece_begin + block_bytes;
  FieldWriter writer(piece_begin + prefix_bytes);
  writer.put_string(1, answer.model_name);
  writer.put_string(2, answer.model_version);
  writer.put_string(3, answer.id);
  if (!answer.arm.empty()) put_text(writer, kArmParameter, answer.arm);
  for (const InferOutput& output : answer.outputs) put_output(writer, output);
  for (const InferOutput& output : answer.outputs) {
    const std::span<const std::byte> raw = contents_of(output);
    writer.open_field(6, raw.size());
    if (raw.size() < kReferredBytesMin) {
      writer.put_bytes(raw);
      continue;
    }
    encoded.pieces.push_back({block, {piece_begin, writer.at()}});
    encoded.pieces.push_back(output.tensor->bytes);
    piece_begin = writer.at();
  }
  PENSTOCK_CHECK(writer.at() == block_end);
  if (piece_begin != block_end) {
    encoded.pieces.push_back({std::move(block), {piece_begin, block_end}});
  }
}

}  // namespace penstock::wire
