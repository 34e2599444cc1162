// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "telemetry/exposition.h"
#include "telemetry/exposition_text.h"

namespace penstock::telemetry {

// The families that have samples per version: Triton's, then ours.
void expose_models(ExpositionText& text, std::span<const ModelSample> models,
                   const ExpositionSettings& settings);

}  // namespace penstock::telemetry
