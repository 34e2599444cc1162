// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "wire/v2_messages.h"

// The small answers of the REST API. Everything but tensors, which json_infer_encode.h does.
namespace penstock::wire {

// {"name":...,"version":...,"extensions":[...]}
std::string encode_json_server_metadata(const ServerDescription& server);

// {"name":...,"versions":[...],"platform":...,"inputs":[{"name","datatype","shape"}],"outputs":...}
// With a batch dimension every shape starts with -1. Where the model has notes, "properties" (OIP)
// are told and "parameters" of tensors (MLServer), texts by name.
std::string encode_json_model_metadata(const ModelDescription& model);

// {"name":...,"ready":true}
std::string encode_json_model_ready(std::string_view name);

// {"error":"..."}, the body of every refusal. Of `why` what is not UTF-8 becomes U+FFFD.
std::string encode_json_error(std::string_view why);

}  // namespace penstock::wire
