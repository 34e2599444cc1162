// SPDX-License-Identifier: Apache-2.0
#pragma once
namespace penstock::http1 {
struct Workspace {};
}  // namespace penstock::http1
