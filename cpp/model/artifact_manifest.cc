// SPDX-License-Identifier: Apache-2.0
#include "model/artifact_manifest.h"

#include <algorithm>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <utility>

#include "base/text.h"

namespace penstock::model {

namespace artifact {
namespace {

using base::Code;
using base::Result;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

constexpr std::uint32_t varint(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::varint);
}
constexpr std::uint32_t fixed32(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::fixed32);
}
constexpr std::uint32_t fixed64(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::fixed64);
}
constexpr std::uint32_t sized(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::length_delimited);
}

// Numbers that do not fit become the largest, which nothing accepts.
std::uint32_t number_of(pbf_reader& message) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(message.get_uint64(), UINT32_MAX));
}

template <class Enum>
Enum enum_of(pbf_reader& message) {
  return static_cast<Enum>(number_of(message));
}

std::string_view text_of(pbf_reader& message) {
  const protozero::data_view view = message.get_view();
  return {view.data(), view.size()};
}

// Reads one message after the other. The first thing that is wrong beyond protobuf's own rules is
// kept; what is read after it does not matter.
class ManifestReader {
 public:
  explicit ManifestReader(Artifact& to) : to_(to) {}

  void read(pbf_reader message);
  const std::string& refusal() const { return refusal_; }

 private:
  void refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
  }
  // Of the field at hand, which this reader does not know.
  void refuse_field(pbf_reader& message, const char* name) {
    refuse(std::string(name) + " has field " + std::to_string(message.tag()) +
           " of a kind that this version does not know: update Penstock");
    message.skip();
  }
  template <class T>
  bool has_room(const std::vector<T>& list, std::size_t most, const char* what) {
    if (list.size() < most) return true;
    refuse("it has more than " + std::to_string(most) + " " + what);
    return false;
  }

  template <class Read>
  void each_field(pbf_reader message, const char* name, Read&& read) {
    while (refusal_.empty() && message.next()) {
      if (!read(message)) refuse_field(message, name);
    }
  }

  Bytes blob_of(pbf_reader& field);
  std::vector<std::uint32_t> numbers_of(pbf_reader& field);
  Value value_of(pbf_reader message);
  Port port_of(pbf_reader message);
  void read_step(pbf_reader message);
  What what_of(std::uint32_t field, pbf_reader message);

  Affine affine_of(pbf_reader message);
  Normalize normalize_of(pbf_reader message);
  Impute impute_of(pbf_reader message);
  OneHot one_hot_of(pbf_reader message);
  Lookup lookup_of(pbf_reader message);
  Select select_of(pbf_reader message);
  Dense dense_of(pbf_reader message);
  StaticInput static_input_of(pbf_reader message);
  Activation activation_of(pbf_reader message);
  Forest forest_of(pbf_reader message);
  Threshold threshold_of(pbf_reader message);
  StringIndex string_index_of(pbf_reader message);
  Labels labels_of(pbf_reader message);
  Onnx onnx_of(pbf_reader message);
  void read_nothing(pbf_reader message, const char* name) {
    each_field(message, name, [](pbf_reader&) { return false; });
  }

  Artifact& to_;
  std::uint64_t blob_bytes_ = 0;  // of all blobs so far
  std::string refusal_;
};

// --- the whole -----------------------------------------------------------------------------------

void ManifestReader::read(pbf_reader message) {
  each_field(message, "the manifest", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): to_.producer = text_of(field); return true;
      case sized(2): to_.source = text_of(field); return true;
      case sized(3):
        if (has_room(to_.values, kValuesMax, "values")) {
          to_.values.push_back(value_of(field.get_message()));
        }
        return true;
      case sized(4):
        if (has_room(to_.inputs, kPortsMax, "inputs")) {
          to_.inputs.push_back(port_of(field.get_message()));
        }
        return true;
      case sized(5):
        if (has_room(to_.outputs, kPortsMax, "outputs")) {
          to_.outputs.push_back(port_of(field.get_message()));
        }
        return true;
      case sized(6):
        if (has_room(to_.steps, kStepsMax, "steps")) read_step(field.get_message());
        return true;
      case sized(7): to_.evidence = text_of(field); return true;
      default: return false;
    }
  });
}

Bytes ManifestReader::blob_of(pbf_reader& field) {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  each_field(field.get_message(), "a blob", [&](pbf_reader& message) {
    switch (message.tag_and_type()) {
      case varint(1): offset = message.get_uint64(); return true;
      case varint(2): bytes = message.get_uint64(); return true;
      default: return false;
    }
  });
  const Bytes file = to_.file.bytes();
  if (bytes == 0) return {};
  if (offset % kBlobAlignment != 0 || offset < kHeadBytes || offset > file.size() ||
      bytes > file.size() - offset) {
    refuse("a blob of " + std::to_string(bytes) + " bytes at " + std::to_string(offset) +
           " does not lie at a multiple of " + std::to_string(kBlobAlignment) + " inside its " +
           std::to_string(file.size()) + " bytes");
    return {};
  }
  blob_bytes_ += bytes;  // each is less than the file, and there are few in a manifest
  if (blob_bytes_ / kBlobSharingMax > file.size()) {
    refuse("its steps name blobs of more than " + std::to_string(kBlobSharingMax) +
           " times its bytes");
  }
  return file.subspan(offset, bytes);
}

std::vector<std::uint32_t> ManifestReader::numbers_of(pbf_reader& field) {
  std::vector<std::uint32_t> numbers;
  const auto range = field.get_packed_uint64();
  for (const std::uint64_t number : range) {
    if (numbers.size() == kWidthMax) {
      refuse("a list has more than " + std::to_string(kWidthMax) + " numbers");
      break;
    }
    numbers.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX)));
  }
  return numbers;
}

Value ManifestReader::value_of(pbf_reader message) {
  Value value;
  each_field(message, "a value", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1): value.kind = enum_of<Kind>(field); return true;
      case varint(2): value.width = number_of(field); return true;
      default: return false;
    }
  });
  return value;
}

Port ManifestReader::port_of(pbf_reader message) {
  Port port;
  std::string_view datatype;
  each_field(message, "a port", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): port.name = text_of(field); return true;
      case sized(2): datatype = text_of(field); return true;
      case varint(3): port.value = number_of(field); return true;
      case sized(4): port.dims = numbers_of(field); return true;
      default: return false;
    }
  });
  if (const auto dtype = base::dtype_named(datatype)) {
    port.dtype = *dtype;
  } else {
    refuse("port " + base::quote(port.name, '\'') + " is of datatype " +
           base::quote(datatype, '\'') + ": wanted one such as FP32");
  }
  return port;
}

void ManifestReader::read_step(pbf_reader message) {
  Step step;
  each_field(message, "a step", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): step.reads = numbers_of(field); return true;
      case varint(2): step.writes = number_of(field); return true;
      case sized(3): step.name = text_of(field); return true;
      default: break;
    }
    if (field.wire_type() != pbf_wire_type::length_delimited) return false;
    pbf_reader ahead = field;
    step.what = what_of(field.tag(), ahead.get_message());
    if (std::holds_alternative<std::monostate>(step.what)) return false;
    field.skip();
    return true;
  });
  to_.steps.push_back(std::move(step));
}

What ManifestReader::what_of(std::uint32_t field, pbf_reader message) {
  switch (field) {
    case 10: read_nothing(message, "Convert"); return Convert{};
    case 11: return affine_of(message);
    case 12: return normalize_of(message);
    case 13: return impute_of(message);
    case 14: return one_hot_of(message);
    case 15: return lookup_of(message);
    case 16: read_nothing(message, "Concat"); return Concat{};
    case 17: return select_of(message);
    case 18: return dense_of(message);
    case 19: return activation_of(message);
    case 20: return forest_of(message);
    case 21: read_nothing(message, "ArgMax"); return ArgMax{};
    case 22: return threshold_of(message);
    case 23: return string_index_of(message);
    case 24: return labels_of(message);
    case 25: read_nothing(message, "Complement"); return Complement{};
    case 26: return onnx_of(message);
    default: return std::monostate{};
  }
}

// --- kinds of steps ------------------------------------------------------------------------------

Affine ManifestReader::affine_of(pbf_reader message) {
  Affine affine;
  each_field(message, "Affine", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): affine.offset = blob_of(field); return true;
      case sized(2): affine.scale = blob_of(field); return true;
      default: return false;
    }
  });
  return affine;
}

Normalize ManifestReader::normalize_of(pbf_reader message) {
  Normalize normalize;
  each_field(message, "Normalize", [&](pbf_reader& field) {
    if (field.tag_and_type() != varint(1)) return false;
    normalize.norm = enum_of<Norm>(field);
    return true;
  });
  return normalize;
}

Impute ManifestReader::impute_of(pbf_reader message) {
  Impute impute;
  each_field(message, "Impute", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case fixed64(1): impute.missing = field.get_double(); return true;
      case sized(2): impute.replacement = blob_of(field); return true;
      default: return false;
    }
  });
  return impute;
}

OneHot ManifestReader::one_hot_of(pbf_reader message) {
  OneHot one_hot;
  each_field(message, "OneHot", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): one_hot.counts = numbers_of(field); return true;
      case sized(2): one_hot.categories = blob_of(field); return true;
      default: return false;
    }
  });
  return one_hot;
}

Lookup ManifestReader::lookup_of(pbf_reader message) {
  Lookup lookup;
  each_field(message, "Lookup", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): lookup.keys = blob_of(field); return true;
      case sized(2): lookup.values = blob_of(field); return true;
      case sized(3): lookup.otherwise = blob_of(field); return true;
      default: return false;
    }
  });
  return lookup;
}

Select ManifestReader::select_of(pbf_reader message) {
  Select select;
  each_field(message, "Select", [&](pbf_reader& field) {
    if (field.tag_and_type() != sized(1)) return false;
    select.columns = numbers_of(field);
    return true;
  });
  return select;
}

Dense ManifestReader::dense_of(pbf_reader message) {
  Dense dense;
  each_field(message, "Dense", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1): dense.weights = enum_of<Weights>(field); return true;
      case sized(2): dense.weight = blob_of(field); return true;
      case sized(3): dense.scale = blob_of(field); return true;
      case varint(4): dense.group = number_of(field); return true;
      case sized(5): dense.bias = blob_of(field); return true;
      case sized(6): dense.activation = activation_of(field.get_message()); return true;
      case sized(7): dense.input = static_input_of(field.get_message()); return true;
      default: return false;
    }
  });
  return dense;
}

StaticInput ManifestReader::static_input_of(pbf_reader message) {
  StaticInput input;
  each_field(message, "StaticInput", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case fixed32(1): input.scale = field.get_float(); return true;
      case varint(2): input.zero_point = number_of(field); return true;
      default: return false;
    }
  });
  return input;
}

Activation ManifestReader::activation_of(pbf_reader message) {
  Activation activation;
  each_field(message, "Activation", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1): activation.function = enum_of<Function>(field); return true;
      case fixed32(2): activation.alpha = field.get_float(); return true;
      case fixed32(3): activation.beta = field.get_float(); return true;
      default: return false;
    }
  });
  return activation;
}

Forest ManifestReader::forest_of(pbf_reader message) {
  Forest forest;
  each_field(message, "Forest", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1): forest.features = number_of(field); return true;
      case varint(2): forest.targets = number_of(field); return true;
      case sized(3): forest.roots = blob_of(field); return true;
      case sized(4): forest.feature = blob_of(field); return true;
      case sized(5): forest.threshold = blob_of(field); return true;
      case sized(6): forest.left = blob_of(field); return true;
      case sized(7): forest.right = blob_of(field); return true;
      case sized(8): forest.flags = blob_of(field); return true;
      case sized(9): forest.leaf_values = blob_of(field); return true;
      case varint(10): forest.leaves_are_rows = field.get_uint64() != 0; return true;
      case sized(11): forest.category_words = blob_of(field); return true;
      case sized(12): forest.base = blob_of(field); return true;
      case fixed64(13): forest.factor = field.get_double(); return true;
      case varint(14): forest.sum = enum_of<Sum>(field); return true;
      default: return false;
    }
  });
  return forest;
}

Threshold ManifestReader::threshold_of(pbf_reader message) {
  Threshold threshold;
  each_field(message, "Threshold", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case fixed64(1): threshold.threshold = field.get_double(); return true;
      case varint(2): threshold.is_inclusive = field.get_uint64() != 0; return true;
      default: return false;
    }
  });
  return threshold;
}

StringIndex ManifestReader::string_index_of(pbf_reader message) {
  StringIndex index;
  each_field(message, "StringIndex", [&](pbf_reader& field) {
    if (field.tag_and_type() != sized(1)) return false;
    index.strings.push_back(text_of(field));
    return true;
  });
  return index;
}

Labels ManifestReader::labels_of(pbf_reader message) {
  Labels labels;
  each_field(message, "Labels", [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case sized(1): labels.strings.push_back(text_of(field)); return true;
      case sized(2):
        for (const std::int64_t number : field.get_packed_int64()) labels.numbers.push_back(number);
        return true;
      case sized(3): labels.otherwise_string = text_of(field); return true;
      case varint(4): labels.otherwise_number = field.get_int64(); return true;
      default: return false;
    }
  });
  return labels;
}

Onnx ManifestReader::onnx_of(pbf_reader message) {
  Onnx onnx;
  each_field(message, "Onnx", [&](pbf_reader& field) {
    if (field.tag_and_type() != sized(1)) return false;
    onnx.model = blob_of(field);
    return true;
  });
  return onnx;
}

}  // namespace
}  // namespace artifact

base::Result<> read_manifest(artifact::Bytes manifest, Artifact& artifact) {
  artifact::ManifestReader reader(artifact);
  try {
    reader.read(
        protozero::pbf_reader(reinterpret_cast<const char*>(manifest.data()), manifest.size()));
  } catch (const protozero::exception& cause) {
    return base::fail(
        base::Code::kInvalidArgument,
        std::string("its manifest is no message penstock.native.Artifact: ") + cause.what());
  }
  if (reader.refusal().empty()) return {};
  return base::fail(base::Code::kInvalidArgument, reader.refusal());
}

}  // namespace penstock::model
