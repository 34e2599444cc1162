// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "wire/infer_codec.h"
#include "wire/limits.h"
#include "wire/parameters.h"
#include "wire/protobuf.h"
#include "wire/request_checks.h"
#include "wire/tensor_checks.h"
#include "wire/typed_contents.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

std::unexpected<base::Error> refuse(std::string why) {
  return base::fail(Code::kInvalidArgument, std::move(why));
}

// Reads one message, in one pass where it can.
class InferDecoder {
 public:
  InferDecoder(const base::Slice& message, InferRequest& request)
      : owner_(message.owner),
        message_(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()),
        request_(request) {}

  base::Result<> run() {
    if (auto read = read_fields(); !read) return read;
    // An input in shared memory that came after raw entries changes whose they are.
    if (has_parameters_ || raw_came_early_ || (has_shared_ && raw_count_ > 0)) {
      if (auto read = read_what_waited(); !read) return read;
    }
    if (auto checked = check_names(); !checked) return checked;
    return check_tensors();
  }

 private:
  base::Result<> read_fields();
  base::Result<> read_what_waited();
  base::Result<> take_input(std::string_view message);
  base::Result<> finish_input(InferInput& input, std::string_view datatype,
                              std::optional<std::string_view> contents);
  base::Result<> take_requested_output(std::string_view message);
  base::Result<> check_names() const;
  std::size_t raw_inputs() const;
  base::Result<> check_tensors() const;

  std::uint32_t parameters_end() const {
    return static_cast<std::uint32_t>(request_.parameters_pool.size());
  }

  const base::Buffer& owner_;
  std::string_view message_;
  InferRequest& request_;
  std::size_t raw_count_ = 0;
  std::optional<std::size_t> first_typed_;  // index of the first input with typed elements
  bool has_parameters_ = false;
  bool raw_came_early_ = false;
  bool has_shared_ = false;  // an input is in shared memory, and has no raw entry
};

base::Result<> InferDecoder::read_fields() {
  base::Result<> read;
  pbf_reader reader = reader_of(message_);
  while (read && reader.next()) {
    switch (reader.tag_and_type()) {
      case sized_field(1): request_.model_name = take_view(reader); break;
      case sized_field(2): request_.model_version = take_view(reader); break;
      case sized_field(3): request_.id = take_view(reader); break;
      case sized_field(4):
        has_parameters_ = true;
        skip_field(reader);
        break;
      case sized_field(5): read = take_input(take_view(reader)); break;
      case sized_field(6): read = take_requested_output(take_view(reader)); break;
      case sized_field(7): {
        const std::string_view raw = take_view(reader);
        const std::size_t index = raw_count_++;
        if (index >= request_.inputs.size() || has_shared_) {
          raw_came_early_ = true;  // or it is one too many, or not that input's
        } else if (!first_typed_) {
          request_.inputs[index].bytes = {owner_, bytes_of(raw)};
        }
        break;
      }
      default: skip_field(reader);
    }
  }
  return read;
}

// The request's own parameters, which must stand together in the pool wherever they are in the
// message, and raw entries that came before their inputs.
base::Result<> InferDecoder::read_what_waited() {
  const std::uint32_t parameters_begin = parameters_end();
  std::size_t raw_index = 0;
  if (has_shared_ && !first_typed_) {
    for (InferInput& input : request_.inputs) input.bytes = {};
  }
  const auto skip_shared = [&] {
    while (has_shared_ && raw_index < request_.inputs.size() &&
           request_.is_shared(request_.inputs[raw_index])) {
      ++raw_index;
    }
  };
  base::Result<> read;
  pbf_reader reader = reader_of(message_);
  while (read && reader.next()) {
    if (reader.tag_and_type() == sized_field(4)) {
      read = append_parameter(take_view(reader), request_.parameters_pool);
    } else if (reader.tag_and_type() == sized_field(7)) {
      const std::string_view raw = take_view(reader);
      skip_shared();
      const std::size_t index = raw_index++;
      if (index < request_.inputs.size() && !first_typed_) {
        request_.inputs[index].bytes = {owner_, bytes_of(raw)};
      }
    } else {
      skip_field(reader);
    }
  }
  if (read) request_.parameters = close_parameters(request_.parameters_pool, parameters_begin);
  return read;
}

base::Result<> InferDecoder::take_input(std::string_view message) {
  if (request_.inputs.size() >= kInputsMax) {
    return std::unexpected(too_many_inputs());
  }
  InferInput& input = request_.inputs.emplace_back();
  std::string_view datatype;
  std::optional<std::string_view> contents;
  std::size_t contents_count = 0;
  std::size_t rank = 0;
  const auto take_dim = [&](std::uint64_t dim) {
    if (rank++ < base::kRankMax) input.shape.push(static_cast<std::int64_t>(dim));
    return true;
  };
  const std::uint32_t parameters_begin = parameters_end();
  base::Result<> read;
  pbf_reader reader = reader_of(message);
  while (read && reader.next()) {
    switch (reader.tag_and_type()) {
      case sized_field(1): input.name = take_view(reader); break;
      case sized_field(2): datatype = take_view(reader); break;
      case sized_field(3): each_packed_varint(take_view(reader), take_dim); break;
      case varint_field(3): take_dim(reader.get_uint64()); break;
      case sized_field(4):
        read = append_parameter(take_view(reader), request_.parameters_pool);
        break;
      case sized_field(5):
        contents = take_view(reader);
        ++contents_count;
        break;
      default: skip_field(reader);
    }
  }
  if (!read) return read;
  const std::uint32_t parameters_now = parameters_end();
  if (parameters_now != parameters_begin) {
    input.parameters = close_parameters(request_.parameters_pool, parameters_begin);
    if (!has_shared_ && request_.is_shared(input)) has_shared_ = true;
  }
  if (rank > base::kRankMax) {
    return refuse(about(input) + "at most " + std::to_string(base::kRankMax) +
                  " dimensions are allowed, got " + std::to_string(rank));
  }
  if (contents_count > 1) {
    return refuse(about(input) + "it has " + std::to_string(contents_count) +
                  " `contents` messages; put all elements into one");
  }
  return finish_input(input, datatype, contents);
}

base::Result<> InferDecoder::finish_input(InferInput& input, std::string_view datatype,
                                          std::optional<std::string_view> contents) {
  const std::size_t index = request_.inputs.size() - 1;
  if (input.name.empty()) return refuse("inputs[" + std::to_string(index) + "] has no name");
  if (!base::is_utf8(input.name)) {
    return std::unexpected(not_utf8("the name of input " + base::quote(input.name)));
  }
  const base::Result<DType> dtype = datatype_of(input, datatype);
  if (!dtype) return std::unexpected(dtype.error());
  input.dtype = *dtype;
  const base::Result<std::int64_t> elements = count_elements(input);
  if (!elements) return std::unexpected(elements.error());
  if (!contents) return {};
  const base::Result<bool> is_typed = take_typed_contents(*contents, *elements, owner_, input);
  if (!is_typed) return std::unexpected(is_typed.error());
  if (*is_typed && !first_typed_) first_typed_ = index;
  return {};
}

base::Result<> InferDecoder::take_requested_output(std::string_view message) {
  if (request_.outputs.size() >= kRequestedOutputsMax) {
    return std::unexpected(too_many_outputs());
  }
  RequestedOutput& output = request_.outputs.emplace_back();
  const std::uint32_t parameters_begin = parameters_end();
  base::Result<> read;
  pbf_reader reader = reader_of(message);
  while (read && reader.next()) {
    switch (reader.tag_and_type()) {
      case sized_field(1): output.name = take_view(reader); break;
      case sized_field(2):
        read = append_parameter(take_view(reader), request_.parameters_pool);
        break;
      default: skip_field(reader);
    }
  }
  if (!read) return read;
  output.parameters = close_parameters(request_.parameters_pool, parameters_begin);
  if (output.name.empty()) {
    return refuse("outputs[" + std::to_string(request_.outputs.size() - 1) + "] has no name");
  }
  if (!base::is_utf8(output.name)) {
    return std::unexpected(not_utf8("the name of output " + base::quote(output.name)));
  }
  return {};
}

base::Result<> InferDecoder::check_names() const {
  if (!base::is_utf8(request_.model_name)) return std::unexpected(not_utf8("model_name"));
  if (!base::is_utf8(request_.model_version)) return std::unexpected(not_utf8("model_version"));
  if (!base::is_utf8(request_.id)) return std::unexpected(not_utf8("id"));
  return check_distinct(request_);
}

// How many inputs have a raw entry, if any has.
std::size_t InferDecoder::raw_inputs() const {
  if (!has_shared_) return request_.inputs.size();
  return static_cast<std::size_t>(std::ranges::count_if(
      request_.inputs, [&](const InferInput& input) { return !request_.is_shared(input); }));
}

// Every input has its bytes from one source, and they fit.
base::Result<> InferDecoder::check_tensors() const {
  const std::vector<InferInput>& inputs = request_.inputs;
  if (raw_count_ > 0) {
    if (first_typed_) {
      return refuse(about(inputs[*first_typed_]) +
                    "it has typed contents, but the request also carries raw_input_contents; "
                    "use one of the two for all inputs");
    }
    const std::size_t wanted = raw_inputs();
    if (raw_count_ != wanted) {
      return refuse("got " + std::to_string(raw_count_) + " raw_input_contents for " +
                    std::to_string(wanted) +
                    (has_shared_ ? " inputs that are not in shared memory" : " inputs") +
                    "; each input needs one, in order");
    }
    for (const InferInput& input : inputs) {
      if (has_shared_ && request_.is_shared(input)) continue;
      if (auto checked = check_raw_bytes(input); !checked) return checked;
    }
    return {};
  }
  for (const InferInput& input : inputs) {
    // Typed elements fit the shape already, and no element is without bytes.
    if (!input.bytes.bytes.empty() || input.shape.elements() == 0) continue;
    if (has_shared_ && request_.is_shared(input)) continue;
    return refuse(describe(input) +
                  " came without elements, neither in contents nor in raw_input_contents");
  }
  return {};
}

}  // namespace

base::Result<> decode_infer_request(const base::Slice& message, InferRequest& request) {
  request.clear();
  base::Result<> decoded;
  try {
    decoded = InferDecoder(message, request).run();
  } catch (const protozero::exception& cause) {
    decoded = std::unexpected(malformed("ModelInferRequest", cause));
  }
  if (!decoded) request.clear();
  return decoded;
}

}  // namespace penstock::wire
