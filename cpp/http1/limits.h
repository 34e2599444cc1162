// SPDX-License-Identifier: Apache-2.0
#pragma once
namespace penstock::http1 {
struct Limits {};
}  // namespace penstock::http1
