// SPDX-License-Identifier: Apache-2.0
#include "wire/tensor_checks.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace penstock::wire {
namespace {

using base::Code;

// The least bytes of an element: a BYTES element is at least its own length.
std::size_t element_bytes_min(base::DType dtype) {
  return std::max<std::size_t>(base::element_bytes(dtype),
                               dtype == base::DType::kBytes ? sizeof(std::uint32_t) : 1);
}

std::unexpected<base::Error> fail_bytes_element(const InferInput& input, std::int64_t element,
                                                std::string_view defect) {
  return base::fail(
      Code::kInvalidArgument,
      describe(input) + ": element " + std::to_string(element) + " " + std::string(defect));
}

base::Result<> check_bytes_elements(const InferInput& input, std::int64_t elements) {
  std::span<const std::byte> rest = input.bytes.bytes;
  for (std::int64_t i = 0; i < elements; ++i) {
    std::uint32_t size;
    if (rest.size() < sizeof size) {
      return fail_bytes_element(
          input, i, "needs a 4-byte length, got " + std::to_string(rest.size()) + " bytes");
    }
    std::memcpy(&size, rest.data(), sizeof size);
    rest = rest.subspan(sizeof size);
    if (rest.size() < size) {
      return fail_bytes_element(
          input, i,
          "says " + std::to_string(size) + " bytes, " + std::to_string(rest.size()) + " are left");
    }
    rest = rest.subspan(size);
  }
  if (!rest.empty()) {
    return base::fail(
        Code::kInvalidArgument,
        describe(input) + " has " + std::to_string(rest.size()) + " bytes after its last element");
  }
  return {};
}

}  // namespace

std::string about(const InferInput& input) { return "input " + base::quote(input.name) + ": "; }

std::string describe(const InferInput& input) {
  return about(input) + "shape " + input.shape.text() + " of " +
         std::string(base::name_of(input.dtype));
}

base::Result<std::int64_t> count_elements(const InferInput& input) {
  std::int64_t elements = 1;
  bool overflows = false;
  for (const std::int64_t dim : input.shape.dims()) {
    if (dim < 0) {
      return base::fail(Code::kInvalidArgument, describe(input) +
                                                    " has a negative dimension; a request gives "
                                                    "every dimension its size");
    }
    overflows |= __builtin_mul_overflow(elements, dim, &elements);
  }
  std::int64_t bytes;
  const auto each = static_cast<std::int64_t>(element_bytes_min(input.dtype));
  if (overflows || __builtin_mul_overflow(elements, each, &bytes)) {
    return base::fail(Code::kInvalidArgument,
                      describe(input) + " has more bytes than 63 bits can count");
  }
  return elements;
}

base::Result<> check_raw_bytes(const InferInput& input) {
  const std::optional<std::int64_t> elements = input.shape.elements();
  PENSTOCK_CHECK(elements.has_value());
  if (input.dtype == base::DType::kBytes) return check_bytes_elements(input, *elements);
  const std::size_t wanted = static_cast<std::size_t>(*elements) * base::element_bytes(input.dtype);
  if (input.bytes.bytes.size() == wanted) return {};
  return base::fail(Code::kInvalidArgument, describe(input) + " needs " + std::to_string(wanted) +
                                                " bytes, got " +
                                                std::to_string(input.bytes.bytes.size()));
}

}  // namespace penstock::wire
