// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <memory>

#include "base/heap.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using Block = std::unique_ptr<std::byte[]>;

Block block_of(std::size_t size) { return std::make_unique_for_overwrite<std::byte[]>(size); }

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose malloc is another

TEST(base_heap, large_blocks_go_back_to_the_system_however_often_they_come) {
  base::keep_heap_small();
  const auto before = mallinfo2().hblkhd;
  for (int i = 0; i < 10; ++i) {
    const Block large = block_of(base::kMappedBlockBytes);
    volatile std::byte* const used = large.get();  // else the compiler needs no block
    *used = std::byte{1};
    EXPECT_LE(before + base::kMappedBlockBytes, mallinfo2().hblkhd);
  }
  EXPECT_EQ(mallinfo2().hblkhd, before);
  const Block small = block_of(base::kMappedBlockBytes / 2);
  EXPECT_EQ(mallinfo2().hblkhd, before);
}

#endif

TEST(base_heap, it_may_be_trimmed_at_any_time) {
  const Block kept = block_of(1000);
  base::trim_heap();
  kept[999] = std::byte{1};
}

}  // namespace penstock::testing
