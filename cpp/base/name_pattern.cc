// SPDX-License-Identifier: Apache-2.0
#include "base/name_pattern.h"

#include <re2/re2.h>

#include <cstdint>
#include <utility>

#include "base/text.h"

namespace penstock::base {
namespace {

// A pattern is a line of an operator's; this is room for one of many thousand alternatives.
constexpr std::int64_t kCompiledBytesMax = std::int64_t{8} << 20;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_case_sensitive(false);
  options.set_never_capture(true);
  options.set_max_mem(kCompiledBytesMax);
  options.set_log_errors(false);  // they are told by make()
  return options;
}

}  // namespace

struct NamePattern::Compiled {
  explicit Compiled(std::string_view pattern) : expression(pattern, options()) {}
  const re2::RE2 expression;
};

NamePattern::NamePattern(std::unique_ptr<const Compiled> compiled)
    : compiled_(std::move(compiled)) {}
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

Result<NamePattern> NamePattern::make(std::string_view pattern) {
  auto compiled = std::make_unique<const Compiled>(pattern);
  if (!compiled->expression.ok()) {
    return fail(Code::kInvalidArgument, quote(pattern) + " is no regular expression as RE2 has " +
                                            "them: " + compiled->expression.error());
  }
  return NamePattern(std::move(compiled));
}

NamePattern NamePattern::copy() const {
  return NamePattern(std::make_unique<const Compiled>(compiled_->expression.pattern()));
}

bool NamePattern::matches(std::string_view name) const {
  return re2::RE2::PartialMatch(name, compiled_->expression);
}

}  // namespace penstock::base
