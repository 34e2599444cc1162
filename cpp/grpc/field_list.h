// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <forward_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/event.h"

namespace penstock::grpc {

// A header list together with the text that its views point into. May be moved, and the views stay
// good. Made for answers that are not the common one: the common ones are constant lists, see
// grpc/status.h.
class FieldList {
 public:
  FieldList() = default;
  FieldList(FieldList&&) = default;
  FieldList& operator=(FieldList&&) = default;
  FieldList(const FieldList&) = delete;
  FieldList& operator=(const FieldList&) = delete;

  // Text that outlives the list.
  void add_constant(std::string_view name, std::string_view value) {
    fields_.push_back({name, value});
  }
  // `name` outlives the list.
  void add(std::string_view name, std::string value) {
    fields_.push_back({name, text_.emplace_front(std::move(value))});
  }
  // Custom metadata, whatever `value` holds: base64 under a name that ends in "-bin"; elsewhere a
  // byte that HTTP/2 or gRPC would not carry becomes '?', and blanks at both ends go.
  void add_metadata(std::string_view name, std::string_view value);

  std::span<const http::Field> fields() const { return fields_; }

 private:
  std::forward_list<std::string> text_;  // its nodes stay where they are
  std::vector<http::Field> fields_;
};

}  // namespace penstock::grpc
