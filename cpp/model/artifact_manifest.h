// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/error.h"
#include "model/artifact.h"

namespace penstock::model {

// Reads the manifest, a message penstock.native.Artifact, into `artifact`, whose file holds the
// blobs that it names. Checks that those lie in the file, and nothing else. A field that is not
// known is refused: to leave it out might change what the model answers.
base::Result<> read_manifest(artifact::Bytes manifest, Artifact& artifact);

}  // namespace penstock::model
