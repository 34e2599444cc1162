// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "wire/json_elements.h"
#include "wire/json_reader.h"
#include "wire/json_v1_predict.h"
#include "wire/tensor_checks.h"

namespace penstock::wire {
namespace {

using base::Code;

constexpr unsigned kRequestDepth = 1;
constexpr unsigned kInstancesDepth = 2;

std::unexpected<base::Error> refuse(std::string why) {
  return base::fail(Code::kInvalidArgument, std::move(why));
}

// Whether the object that begins at `token` begins with the key "b64". The text ends in '}', so
// the spaces end.
bool begins_with_b64(std::string_view token) {
  if (!token.starts_with('{')) return false;
  const char* at = token.data() + 1;
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') ++at;
  return std::string_view(at, 5) == "\"b64\"";  // within the padding at least
}

// One input of the model while its values come in.
struct Column {
  InferInput input;  // name and datatype
  bool is_optional = false;
  NestedTensor values;
  std::int64_t count = 0;  // values read: rows, or one whole tensor
};

class V1Decoder {
 public:
  V1Decoder(JsonScratch& scratch, const base::Slice& body, const base::Signature& signature,
            InferRequest& request)
      : reader_(scratch, body), request_(request) {
    for (const base::TensorSpec& spec : signature.inputs) {
      Column& column = columns_.emplace_back();
      column.input.name = spec.name;
      column.input.dtype = spec.dtype;
      column.is_optional = spec.is_optional;
    }
  }

  base::Result<V1Form> run() {
    base::Result<ondemand::object> object = reader_.open();
    if (!object) return std::unexpected(std::move(object.error()));
    for (auto item : *object) {
      ondemand::field field;
      if (auto error = std::move(item).get(field)) return reader_.malformed(error);
      if (auto read = read_field(field); !read) return std::unexpected(std::move(read.error()));
    }
    if (auto closed = reader_.close(); !closed) return std::unexpected(std::move(closed.error()));
    if (!form_) return refuse("the request has neither 'instances' nor 'inputs'");
    if (auto finished = finish(); !finished) return std::unexpected(std::move(finished.error()));
    return *form_;
  }

 private:
  base::Result<> read_field(ondemand::field& field) {
    const base::Result<std::string_view> key = reader_.key_of(field);
    if (!key) return std::unexpected(key.error());
    if (*key != "instances" && *key != "inputs") return reader_.skip(field.value(), kRequestDepth);
    if (form_) return refuse("only one of 'instances' and 'inputs' may be given, and only once");
    form_ = *key == "instances" ? V1Form::kRows : V1Form::kColumns;
    return form_ == V1Form::kRows ? read_instances(field.value())
                                  : read_value(field.value(), kRequestDepth, 0, "'inputs'");
  }

  base::Result<> read_instances(ondemand::value& value) {
    ondemand::array array;
    if (value.get_array().get(array)) {
      return refuse("'instances' must be an array, got " + shown(value));
    }
    for (auto item : array) {
      ondemand::value instance;
      if (auto error = std::move(item).get(instance)) return reader_.malformed(error);
      const std::string what = "instances[" + std::to_string(rows_) + "]";
      if (auto read = read_value(instance, kInstancesDepth, rows_, what); !read) return read;
      ++rows_;
      for (const Column& column : columns_) {
        if (column.count == rows_ || (column.count == 0 && column.is_optional)) continue;
        return refuse(what + " has no input " + base::quote(column.input.name) +
                      "; every instance needs " + names());
      }
    }
    if (rows_ == 0) return refuse("'instances' is empty; at least one is wanted");
    return {};
  }

  // A row, or all columns: an object by names, or the value of the only input. `before`: how many
  // values each input has had.
  base::Result<> read_value(ondemand::value& value, unsigned depth, std::int64_t before,
                            const std::string& what) {
    const std::string_view token = value.raw_json_token();
    const bool is_bytes = columns_.size() == 1 &&
                          columns_.front().input.dtype == base::DType::kBytes &&
                          columns_.front().input.name != "b64" && begins_with_b64(token);
    if (token.starts_with('{') && !is_bytes) return read_by_name(value, depth, before, what);
    if (columns_.size() != 1) {
      return refuse(what + " must be an object with the inputs " + names() + ", got " +
                    shown(value));
    }
    return read_into(columns_.front(), value, depth);
  }

  base::Result<> read_by_name(ondemand::value& value, unsigned depth, std::int64_t before,
                              const std::string& what) {
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return reader_.malformed(error);
    for (auto item : object) {
      ondemand::field field;
      if (auto error = std::move(item).get(field)) return reader_.malformed(error);
      const base::Result<std::string_view> key = reader_.key_of(field);
      if (!key) return std::unexpected(key.error());
      const auto column =
          std::ranges::find_if(columns_, [&](const Column& one) { return one.input.name == *key; });
      if (column == columns_.end()) {
        return refuse(what + ": the model has no input " + base::quote(*key) + "; its inputs are " +
                      names());
      }
      if (column->count != before) {
        return refuse(what + ": input " + base::quote(*key) +
                      (column->count > before ? " is given more than once"
                                              : " is missing in the instances before"));
      }
      if (auto read = read_into(*column, field.value(), depth + 1); !read) return read;
    }
    return {};
  }

  base::Result<> read_into(Column& column, ondemand::value& value, unsigned depth) {
    ++column.count;
    return read_nested(reader_, value, depth, column.input, column.values);
  }

  // Columns that have values -> inputs.
  base::Result<> finish() {
    for (Column& column : columns_) {
      if (column.count == 0) continue;
      InferInput& input = column.input;
      const std::size_t rank = column.values.rank.value_or(0);
      const std::size_t lead = form_ == V1Form::kRows ? 1 : 0;
      if (rank + lead > base::kRankMax) {
        return refuse(about(input) + "at most " + std::to_string(base::kRankMax) +
                      " dimensions are allowed");
      }
      if (lead > 0) input.shape.push(rows_);
      for (std::size_t i = 0; i < rank; ++i) {
        // A level below an empty array has no size but 0.
        input.shape.push(std::max<std::int64_t>(column.values.dims[i], 0));
      }
      input.bytes = column.values.block.take();
      if (const auto elements = count_elements(input); !elements) {
        return std::unexpected(elements.error());
      }
      if (auto checked = check_raw_bytes(input); !checked) return checked;
      request_.inputs.push_back(std::move(input));
    }
    return {};
  }

  std::string names() const {
    std::string text;
    for (const Column& column : columns_) {
      if (!text.empty()) text += ", ";
      text += base::quote(column.input.name);
    }
    return text;
  }

  JsonReader reader_;
  InferRequest& request_;
  std::vector<Column> columns_;
  std::optional<V1Form> form_;
  std::int64_t rows_ = 0;
};

}  // namespace

base::Result<V1Form> decode_v1_predict(JsonScratch& scratch, const base::Slice& body,
                                       const base::Signature& signature, InferRequest& request) {
  request.clear();
  base::Result<V1Form> form = V1Decoder(scratch, body, signature, request).run();
  if (!form) request.clear();
  return form;
}

}  // namespace penstock::wire
