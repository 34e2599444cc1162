// SPDX-License-Identifier: Apache-2.0
#include "bindings/arrays.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes_elements.h"
#include "base/check.h"

namespace penstock::bindings {
namespace py = pybind11;

namespace {

using base::Code;
using base::DType;
using base::fail;

// numpy's own letters for kind and size.
const char* numpy_name(DType dtype) {
  switch (dtype) {
    case DType::kBool: return "?";
    case DType::kUint8: return "u1";
    case DType::kUint16: return "u2";
    case DType::kUint32: return "u4";
    case DType::kUint64: return "u8";
    case DType::kInt8: return "i1";
    case DType::kInt16: return "i2";
    case DType::kInt32: return "i4";
    case DType::kInt64: return "i8";
    case DType::kFp16: return "f2";
    case DType::kBf16: return "u2";
    case DType::kFp32: return "f4";
    case DType::kFp64: return "f8";
    case DType::kBytes: return "O";
  }
  return "O";
}

// The decoder has checked that the prefixes add up.
py::array strings_of(const base::Tensor& tensor) {
  py::array array(py::dtype("O"),
                  std::vector<py::ssize_t>(tensor.shape.dims().begin(), tensor.shape.dims().end()));
  auto* const items = static_cast<PyObject**>(array.mutable_data());
  std::span<const std::byte> rest = tensor.bytes.bytes;
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    const auto element = base::take_bytes_element(rest);
    PENSTOCK_CHECK(element.has_value());
    py::object item = py::reinterpret_steal<py::object>(PyBytes_FromStringAndSize(
        reinterpret_cast<const char*>(element->data()), static_cast<Py_ssize_t>(element->size())));
    if (!item) throw py::error_already_set();
    Py_XSETREF(items[i], item.release().ptr());
  }
  return array;
}

std::unexpected<base::Error> no_memory(const std::string& name, std::size_t bytes) {
  return fail(Code::kResourceExhausted,
              "no memory for the " + std::to_string(bytes) + " bytes of output '" + name + "'");
}

base::Result<base::Slice> bytes_of_strings(const py::array& array, const std::string& name) {
  auto* const items = static_cast<PyObject* const*>(array.data());
  std::size_t total = 0;
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    if (items[i] == nullptr || !PyBytes_Check(items[i])) {
      return fail(Code::kInternal, "output '" + name + "': an element is no bytes object");
    }
    const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(items[i]));
    if (size > UINT32_MAX) {
      return fail(Code::kInternal, "output '" + name + "': an element is larger than 4 GiB");
    }
    total += sizeof(std::uint32_t) + size;
  }
  const base::Buffer block = base::Buffer::try_allocate(total);
  if (total > 0 && !block) return no_memory(name, total);
  std::byte* to = block.data();
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    const auto size = static_cast<std::uint32_t>(PyBytes_GET_SIZE(items[i]));
    std::memcpy(to, &size, sizeof size);
    std::memcpy(to + sizeof size, PyBytes_AS_STRING(items[i]), size);
    to += sizeof size + size;
  }
  return base::Slice{block, block.bytes()};
}

}  // namespace

py::array array_of(const base::Tensor& tensor) {
  py::array array = owned_array_of(tensor);
  array.attr("flags").attr("writeable") = false;
  return array;
}

py::array owned_array_of(const base::Tensor& tensor) {
  if (tensor.dtype == DType::kBytes) return strings_of(tensor);
  auto owner = std::make_unique<base::Buffer>(tensor.bytes.owner);
  const py::capsule keeps(owner.release(),
                          [](void* buffer) { delete static_cast<base::Buffer*>(buffer); });
  return {py::dtype(numpy_name(tensor.dtype)),
          std::vector<py::ssize_t>(tensor.shape.dims().begin(), tensor.shape.dims().end()),
          tensor.bytes.bytes.data(), keeps};
}

base::Result<base::Tensor> tensor_of(const py::handle& value, const base::TensorSpec& spec) {
  if (!py::isinstance<py::array>(value)) {
    return fail(Code::kInternal, "output '" + spec.name + "' is no numpy array");
  }
  const auto array = py::reinterpret_borrow<py::array>(value);
  const py::dtype wanted(numpy_name(spec.dtype));
  if (!array.dtype().is(wanted) && !array.dtype().equal(wanted)) {
    return fail(Code::kInternal, "output '" + spec.name + "' is " +
                                     py::str(array.dtype()).cast<std::string>() + ", but " +
                                     std::string(name_of(spec.dtype)) + " is wanted");
  }
  if (static_cast<std::size_t>(array.ndim()) > base::kRankMax ||
      (array.flags() & py::array::c_style) == 0) {
    return fail(Code::kInternal, "output '" + spec.name + "' must be contiguous, with at most " +
                                     std::to_string(base::kRankMax) + " dimensions");
  }
  base::Tensor tensor{.dtype = spec.dtype, .shape = {}, .bytes = {}};
  for (py::ssize_t i = 0; i < array.ndim(); ++i) tensor.shape.push(array.shape(i));
  if (spec.dtype == DType::kBytes) {
    auto bytes = bytes_of_strings(array, spec.name);
    if (!bytes) return std::unexpected(bytes.error());
    tensor.bytes = std::move(*bytes);
    return tensor;
  }
  // Copied once per batch: the array goes back to Python, whose lock the io threads never take.
  const auto size = static_cast<std::size_t>(array.nbytes());
  const base::Buffer block = base::Buffer::try_allocate(size);
  if (size > 0 && !block) return no_memory(spec.name, size);
  if (block) std::memcpy(block.data(), array.data(), block.size());
  tensor.bytes = {block, block.bytes()};
  return tensor;
}

}  // namespace penstock::bindings
