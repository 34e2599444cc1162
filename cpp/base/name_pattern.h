// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::base {

// A regular expression over names, by RE2: a match takes time linear in the name's length, whatever
// the operator wrote and a peer sends. Nothing else in the core knows of RE2.
//
// It is found anywhere in a name (^ and $ bind it), and ignores case unless the pattern begins with
// (?-i): as Triton's --*-header-forward-pattern. Immutable; but threads that share one share the
// locks of RE2's cache as well, so each that matches much has a copy().
class NamePattern {
 public:
  // kInvalidArgument says what RE2 dislikes about it.
  static Result<NamePattern> make(std::string_view pattern);

  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  ~NamePattern();

  NamePattern copy() const;
  bool matches(std::string_view name) const;

 private:
  struct Compiled;

  explicit NamePattern(std::unique_ptr<const Compiled> compiled);

  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace penstock::base
