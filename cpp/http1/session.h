// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include "http/session.h"
#include "http1/limits.h"
#include "http1/workspace.h"
namespace penstock::http1 {
class Session : public http::Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const Limits&, Workspace&) {
    return base::fail(base::Code::kUnimplemented, "");
  }
};
}  // namespace penstock::http1
