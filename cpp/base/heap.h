// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace penstock::base {

// Blocks of this size and more are mapped by themselves, and go back to the system when they are
// freed. Models' weights are such; what requests compute with is mostly smaller.
constexpr std::size_t kMappedBlockBytes = std::size_t{4} << 20;

// Once, before the first model is loaded. Left alone, malloc learns from the first large block that
// is freed to keep up to 64 MiB of every arena, and an unloaded model's memory with it.
void keep_heap_small();

// Gives free memory back to the system: of malloc's arenas, and the buffers kept for reuse. Takes
// some milliseconds, in which other threads may wait to allocate.
void trim_heap();

}  // namespace penstock::base
