// SPDX-License-Identifier: Apache-2.0
#include "grpc/field_list.h"

#include <algorithm>

#include "grpc/metadata.h"

namespace penstock::grpc {

void FieldList::add_metadata(std::string_view name, std::string_view value) {
  if (is_binary_metadata(name)) return add(name, encode_binary_metadata(value));
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  std::string text(value);
  std::ranges::replace_if(
      text, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  add(name, std::move(text));
}

}  // namespace penstock::grpc
