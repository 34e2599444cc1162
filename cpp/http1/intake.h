// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http1/chunk_check.h"
#include "http1/head_check.h"
#include "http1/limits.h"
#include "http1/line_scan.h"
#include "http1/parser.h"
#include "http1/refusal.h"
#include "http1/workspace.h"

namespace penstock::http1 {

// The bytes of a connection become requests, one step at a time. Each element (a head, the head of
// a chunk) is checked as a whole before the parser sees it; of one that is cut, the beginning is
// kept here until its end has come. Bodies are views. After a refusal there are no more steps.
// Lives on an io thread.
class Intake {
 public:
  Intake(const Limits& limits, Workspace& workspace) : limits_(limits), work_(workspace) {}

  enum class Step : std::uint8_t {
    kMore,     // all of the input was taken
    kHead,     // facts(), and fields from fields_begin() to the end of the workspace's
    kData,     // data()
    kEnd,      // the request is complete
    kRefused,  // refusal()
  };
  // What comes next; takes its bytes off the front of `input`. Views are into `input` or the
  // workspace.
  Step next(std::span<const std::byte>& input);

  const HeadFacts& facts() const { return facts_; }
  std::size_t fields_begin() const { return fields_begin_; }
  std::span<const std::byte> data() const { return data_; }
  const Refusal& refusal() const { return refusal_; }

  // No byte of the next request has come, and all of the last one.
  bool is_between_requests() const { return phase_ == Phase::kHead && kept_.empty(); }
  bool is_within_head() const { return phase_ == Phase::kHead && !kept_.empty(); }
  // Of the body still to come, where its length was announced.
  std::uint64_t body_bytes_left() const { return body_bytes_left_; }
  // Nothing more will be asked: the memory of what was kept goes.
  void stop() { kept_ = std::string(); }

 private:
  enum class Phase : std::uint8_t { kHead, kBody, kChunkHead, kChunk, kEnd };
  enum class Found : std::uint8_t { kMore, kWhole, kRefused };

  Step read_element(std::span<const std::byte>& input);
  Step take_element(std::string_view element, std::span<const std::byte>& input);
  void skip_blank_line(std::span<const std::byte>& input);
  Found scan(std::string_view bytes);
  Found scan_head(std::string_view bytes);
  Found scan_chunk_head(std::string_view bytes);
  Found scan_trailers(std::string_view bytes);
  Step take_head(std::string_view head);
  Step take_chunk_head(std::string_view head, std::span<const std::byte>& input);
  Step take_body(std::span<const std::byte>& input);
  void add_pseudo_fields();
  void leave_out_named_fields();
  void begin_element(Phase phase);
  Found refuse(const Refusal& refusal);

  const Limits& limits_;
  Workspace& work_;
  Parser parser_;
  Phase phase_ = Phase::kHead;
  std::string kept_;  // the beginning of an element
  LineScan scan_;     // over the element
  bool has_skipped_blank_line_ = false;
  bool is_first_chunk_ = true;
  std::optional<ChunkFacts> chunk_;  // of the element; its line has been checked
  std::size_t trailers_begin_ = 0;   // within the element
  std::size_t extension_bytes_ = 0;  // of all chunks of the request
  std::uint64_t body_bytes_left_ = 0;
  std::uint64_t chunk_bytes_left_ = 0;
  HeadFacts facts_;
  std::size_t fields_begin_ = 0;
  std::span<const std::byte> data_;
  Refusal refusal_;
};

}  // namespace penstock::http1
