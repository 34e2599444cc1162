// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include "wire/infer_codec.h"
#include "wire/protobuf.h"

// inference.ModelInferResponse: 1 model_name, 2 model_version, 3 id, 5 outputs,
// 6 raw_output_contents; an output is 1 name, 2 datatype, 3 shape. In bytes:
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

// The parts of an output's message whose sizes are needed before and while writing.
struct OutputLayout {
  std::string_view datatype;
  std::size_t shape_bytes = 0;
  std::size_t message_bytes = 0;

  explicit OutputLayout(const InferOutput& output)
      : datatype(base::name_of(output.tensor->dtype)),
        shape_bytes(wire::shape_bytes(output.tensor->shape)),
        message_bytes(string_field_bytes(output.name) + string_field_bytes(datatype) +
                      (shape_bytes == 0 ? 0 : sized_field_bytes(shape_bytes))) {}
};

void put_output(FieldWriter& writer, const InferOutput& output) {
  const OutputLayout layout(output);
  writer.open_field(5, layout.message_bytes);
  writer.put_string(1, output.name);
  writer.put_string(2, layout.datatype);
  if (layout.shape_bytes == 0) return;
  writer.open_field(3, layout.shape_bytes);
  for (const std::int64_t dim : output.tensor->shape.dims()) {
    writer.put_varint(static_cast<std::uint64_t>(dim));
  }
}

}  // namespace

void encode_infer_answer(const InferAnswer& answer, std::size_t prefix_bytes,
                         EncodedMessage& encoded) {
  std::size_t block_bytes = prefix_bytes + string_field_bytes(answer.model_name) +
                            string_field_bytes(answer.model_version) +
                            string_field_bytes(answer.id);
  std::size_t referred_bytes = 0;
  for (const InferOutput& output : answer.outputs) {
    PENSTOCK_CHECK(output.tensor != nullptr);
    const std::size_t raw_bytes = output.tensor->bytes.bytes.size();
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
  for (const InferOutput& output : answer.outputs) put_output(writer, output);
  for (const InferOutput& output : answer.outputs) {
    const base::Slice& raw = output.tensor->bytes;
    writer.open_field(6, raw.bytes.size());
    if (raw.bytes.size() < kReferredBytesMin) {
      writer.put_bytes(raw.bytes);
      continue;
    }
    encoded.pieces.push_back({block, {piece_begin, writer.at()}});
    encoded.pieces.push_back(raw);
    piece_begin = writer.at();
  }
  PENSTOCK_CHECK(writer.at() == block_end);
  if (piece_begin != block_end) {
    encoded.pieces.push_back({std::move(block), {piece_begin, block_end}});
  }
}

}  // namespace penstock::wire
