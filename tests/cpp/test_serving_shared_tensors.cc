// SPDX-License-Identifier: Apache-2.0
// Tensors in a client's shared memory, on the whole way of a request.
#include <limits>
#include <string>

#include "harness.h"
#include "memory_doubles.h"
#include "serving/shared_tensors.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using serving::Lane;
using Link = FrontRig::Link;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string place(std::uint32_t field, std::string_view region, std::int64_t byte_size,
                  std::int64_t offset = 0) {
  return parameter(field, "shared_memory_region", sized_field(3, region)) +
         parameter(field, "shared_memory_byte_size", varint_field(2, byte_size)) +
         (offset == 0 ? "" : parameter(field, "shared_memory_offset", varint_field(2, offset)));
}

// "x" [1, n] in shared memory.
std::string shared_x(std::int64_t width, std::string_view parameters) {
  return sized_field(5, input_head("x", "FP32", {1, width}) + std::string(parameters));
}
std::string wanted_y(std::string_view parameters) {
  return sized_field(6, sized_field(1, "y") + std::string(parameters));
}

// A front whose clients share memory, with the region "in" of an object that holds {1.5, 2.5} at
// its bytes 8 to 16, and "out" of another.
struct SharedRig : FrontRig {
  explicit SharedRig(Lane lane = Lane::kInline, const serving::FrontOptions& front_options = {})
      : FrontRig(front_options, &regions) {
    serve({.name = "m", .number = 1, .lane = lane}, x_to_y());
    PENSTOCK_CHECK(regions.add(in.spec("in", 8, 8)).has_value());
    PENSTOCK_CHECK(regions.add(out.spec("out", 0, 64)).has_value());
  }

  std::string refusal(std::string_view message) {
    Link& link = connect();
    const std::int32_t id = link.infer(sized_field(1, "m") + std::string(message));
    await(link, id);
    return link.status(id) + " " + link.message(id);
  }

  ShmObject in{std::string(8, '?') + bytes_of_values({1.5F, 2.5F})};
  ShmObject out{64};
  memory::RegionTable regions{8};
};

}  // namespace

TEST(serving_shared_tensors, an_input_is_read_and_an_output_written_where_the_client_says) {
  for (const Lane lane : {Lane::kInline, Lane::kBatch}) {
    SharedRig rig(lane);
    Link& link = rig.connect();
    const std::int32_t id = link.infer(sized_field(1, "m") + shared_x(2, place(4, "in", 8)) +
                                       wanted_y(place(2, "out", 32, 4)));
    rig.await(link, id);
    EXPECT_EQ(link.status(id), "0");
    EXPECT_EQ(rig.out.bytes(4, 8), bytes_of_values({1.5F, 2.5F}));
    const std::string output = proto_values(link.reply(id), 5).at(0);
    EXPECT(proto_values(output, 2) == std::vector<std::string>({"FP32"}));
    EXPECT(proto_values(output, 3) == std::vector<std::string>({varints({1, 2})}));
    EXPECT(proto_values(output, 4) ==
           std::vector<std::string>(
               {sized_field(1, "shared_memory_region") + sized_field(2, sized_field(3, "out")),
                sized_field(1, "shared_memory_byte_size") + sized_field(2, varint_field(2, 8)),
                sized_field(1, "shared_memory_offset") + sized_field(2, varint_field(2, 4))}));
    // Clients find an output's contents by its index.
    EXPECT(proto_values(link.reply(id), 6) == std::vector<std::string>({""}));
  }
}

TEST(serving_shared_tensors, what_a_client_changes_after_it_asked_changes_nothing) {
  SharedRig rig(Lane::kBatch);
  Strings strings;
  rig.serve({.name = "held", .number = 1, .lane = Lane::kBatch}, x_to_y(),
            [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
              strings.pass();
              return echo_batch(batch, outputs);
            });
  Link& link = rig.connect();
  const std::int32_t id = link.infer(sized_field(1, "held") + shared_x(2, place(4, "in", 8)));
  rig.settle();
  strings.wait_until_begun(1);
  rig.in.put(bytes_of_values({7.0F, 8.0F}), 8);
  rig.in.resize(0);
  strings.let_all_go();
  rig.await(link, id);
  EXPECT_EQ(link.status(id), "0");
  EXPECT_EQ(link.output(id), bytes_of_values({1.5F, 2.5F}));
}

TEST(serving_shared_tensors, regions_that_are_unregistered_while_they_are_used_are_used_on) {
  SharedRig rig;
  Strings strings;
  rig.serve({.name = "held", .number = 1, .lane = Lane::kBatch}, x_to_y(),
            [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
              strings.pass();
              return echo_batch(batch, outputs);
            });
  Link& link = rig.connect();
  const std::int32_t id = link.infer(sized_field(1, "held") + shared_x(2, place(4, "in", 8)) +
                                     wanted_y(place(2, "out", 8)));
  rig.settle();
  strings.wait_until_begun(1);
  rig.regions.remove_all();
  ShmObject other(64);
  REQUIRE(rig.regions.add(other.spec("out", 0, 64)).has_value());
  strings.let_all_go();
  rig.await(link, id);
  EXPECT_EQ(link.status(id), "0");
  EXPECT_EQ(rig.out.bytes(0, 8), bytes_of_values({1.5F, 2.5F}));
  EXPECT_EQ(other.bytes(0, 8), std::string(8, '\0'));
}

TEST(serving_shared_tensors, an_output_that_was_cut_short_fails_its_request_alone) {
  SharedRig rig;
  rig.out.resize(4);
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8)) + wanted_y(place(2, "out", 8))),
                  "9 shared memory region 'out': the object of key");
  EXPECT_EQ(rig.out.size(), 4);
  rig.in.resize(12);
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8))),
                  "has become shorter than it was when the region was registered");
  EXPECT_EQ(rig.refusal(shared_x(1, place(4, "in", 4))), "0 ");
}

TEST(serving_shared_tensors, an_output_that_does_not_fit_is_refused_in_tritons_words) {
  SharedRig rig;
  EXPECT_EQ(rig.refusal(shared_x(2, place(4, "in", 8)) + wanted_y(place(2, "out", 7))),
            "3 shared memory size specified with the request for output 'y' (7 bytes) should be at "
            "least 8 bytes to hold the results");
  EXPECT_EQ(rig.out.bytes(0, 8), std::string(8, '\0'));
}

TEST(serving_shared_tensors, parts_beyond_a_region_are_refused) {
  SharedRig rig;
  for (const std::int64_t offset : {std::int64_t{1}, std::int64_t{8}, std::int64_t{9}, kMost}) {
    EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8, offset))),
                    "3 Invalid offset + byte size for shared memory region: 'in'");
  }
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8)) + wanted_y(place(2, "out", kMost, 2))),
                  "3 Invalid offset + byte size for shared memory region: 'out'");
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "nobody", 8))),
                  "5 Unable to find shared memory region: 'nobody'");
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8)) + wanted_y(place(2, "none", 8))),
                  "5 Unable to find shared memory region: 'none'");
}

TEST(serving_shared_tensors, a_place_of_another_size_than_its_tensor_is_refused) {
  SharedRig rig;
  EXPECT_EQ(rig.refusal(shared_x(2, place(4, "in", 7))),
            "3 input \"x\": shape [1,2] of FP32 needs 8 bytes, its shared_memory_byte_size is 7");
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 0))), "its shared_memory_byte_size is 0");
}

TEST(serving_shared_tensors, parameters_that_say_half_or_nonsense_are_refused) {
  SharedRig rig;
  const std::string region = parameter(4, "shared_memory_region", sized_field(3, "in"));
  const auto size = [](std::string_view value) {
    return parameter(4, "shared_memory_byte_size", value);
  };
  EXPECT_EQ(rig.refusal(shared_x(2, region)),
            "3 'shared_memory_byte_size' must be specified along with 'shared_memory_region' "
            "parameter for tensor 'x'");
  EXPECT_EQ(rig.refusal(typed_input("x", "FP32", {1, 1}, fixed32_field(6, 1.0F)) +
                        wanted_y(parameter(2, "shared_memory_byte_size", varint_field(2, 8)))),
            "3 'shared_memory_byte_size' can not be specified without 'shared_memory_region' "
            "parameter for tensor 'y'");
  EXPECT_CONTAINS(rig.refusal(shared_x(2, region + size(varint_field(2, -1)))),
                  "3 invalid value for 'shared_memory_byte_size' parameter for tensor 'x'");
  EXPECT_CONTAINS(rig.refusal(shared_x(2, region + size(sized_field(3, "8")))),
                  "a whole number of at least 0 is wanted (int64_param)");
  EXPECT_CONTAINS(
      rig.refusal(shared_x(
          2, parameter(4, "shared_memory_region", varint_field(2, 1)) + size(varint_field(2, 8)))),
      "3 invalid value type for 'shared_memory_region' parameter for tensor 'x', expected "
      "string_param.");
  EXPECT_EQ(rig.refusal(shared_x(2, region + size(varint_field(5, 8)))), "0 ");
}

TEST(serving_shared_tensors, an_input_has_its_bytes_from_one_place) {
  SharedRig rig;
  const std::string typed = sized_field(5, fixed32_field(6, 1.0F) + fixed32_field(6, 2.0F));
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8) + typed)),
                  "3 unexpected 'content' provided when using shared memory for input tensor 'x'");
  EXPECT_CONTAINS(
      rig.refusal(shared_x(2, place(4, "in", 8)) + raw_entry(bytes_of_values({1.0F, 2.0F}))),
      "3 got 1 raw_input_contents for 0 inputs that are not in shared memory");
}

TEST(serving_shared_tensors, texts_are_checked_after_they_were_copied) {
  SharedRig rig;
  rig.serve({.name = "texts", .number = 1},
            {.inputs = {{.name = "x", .dtype = base::DType::kBytes, .dims = {-1}}},
             .outputs = {{.name = "y", .dtype = base::DType::kBytes, .dims = {-1}}},
             .batch_rows_max = 8});
  const std::string texts =
      bytes_of_value(std::uint32_t{2}) + "ab" + bytes_of_value(std::uint32_t{1}) + "c";
  ShmObject object(texts + "rest");
  REQUIRE(rig.regions.add(object.spec("texts", 0, texts.size() + 4)).has_value());
  const auto ask = [&](std::size_t bytes) {
    Link& link = rig.connect();
    const std::int32_t id =
        link.infer(sized_field(1, "texts") +
                   sized_field(5, input_head("x", "BYTES", {1, 2}) +
                                      place(4, "texts", static_cast<std::int64_t>(bytes))) +
                   wanted_y(place(2, "out", 64)));
    rig.await(link, id);
    return link.status(id) + " " + link.message(id);
  };
  EXPECT_EQ(ask(texts.size()), "0 ");
  EXPECT_EQ(rig.out.bytes(0, texts.size()), texts);
  EXPECT_CONTAINS(ask(texts.size() - 1), "element 1 says 1 bytes, 0 are left");
  EXPECT_CONTAINS(ask(texts.size() + 4), "has 4 bytes after its last element");
}

TEST(serving_shared_tensors, what_is_copied_counts_among_the_bytes_in_flight) {
  serving::FrontOptions options;
  options.inflight_bytes_max = 4096;
  SharedRig rig(Lane::kInline, options);
  ShmObject large(1U << 20);
  REQUIRE(rig.regions.add(large.spec("large", 0, 1U << 20)).has_value());
  EXPECT_CONTAINS(rig.refusal(shared_x(1 << 18, place(4, "large", 1 << 20))), "8 ");
  // Files without pages behind them may have any size; texts are of whatever size is said.
  ShmObject huge(8);
  huge.resize(static_cast<std::size_t>(kMost));
  REQUIRE(rig.regions.add(huge.spec("huge", 0, static_cast<std::uint64_t>(kMost))).has_value());
  std::string message;
  for (const std::string_view name : {"a", "b", "c"}) {
    message += sized_field(5, input_head(name, "BYTES", {1, 1}) + place(4, "huge", kMost));
  }
  EXPECT_CONTAINS(rig.refusal(message), "8 ");
  EXPECT_EQ(rig.refusal(shared_x(2, place(4, "in", 8))), "0 ");
}

TEST(serving_shared_tensors, who_was_answered_or_refused_holds_no_region) {
  SharedRig rig;
  EXPECT_EQ(rig.refusal(shared_x(2, place(4, "in", 8)) + wanted_y(place(2, "out", 8))), "0 ");
  EXPECT_CONTAINS(
      rig.refusal(shared_x(2, place(4, "in", 8)) +
                  sized_field(5, input_head("z", "FP32", {1, 2}) + place(4, "nobody", 8))),
      "Unable to find shared memory region: 'nobody'");
  EXPECT_CONTAINS(rig.refusal(shared_x(2, place(4, "in", 8)) + wanted_y(place(2, "out", 7))),
                  "should be at least 8 bytes");
  for (const std::string_view name : {"in", "out"}) {
    const auto part = rig.regions.find(name, 0, 1);
    REQUIRE(part.has_value());
    EXPECT_EQ(part->region.use_count(), 2);  // the table and this test
  }
}

TEST(serving_shared_tensors, a_server_that_does_not_allow_it_says_how_to) {
  FrontRig rig;
  rig.serve({.name = "m", .number = 1}, x_to_y());
  Link& link = rig.connect();
  const std::int32_t in = link.infer(sized_field(1, "m") + shared_x(2, place(4, "in", 8)));
  const std::int32_t out = link.infer(infer_x("m", {1.0F}, wanted_y(place(2, "out", 8))));
  rig.settle();
  for (const std::int32_t id : {in, out}) {
    EXPECT_EQ(link.status(id), "14");
    EXPECT_EQ(link.message(id),
              "Client shared memory is disabled. Start the server with '--allow-client-shm=true' "
              "to enable.");
  }
}

TEST(serving_shared_tensors, a_request_gets_the_region_that_bears_the_name_when_it_is_read) {
  SharedRig rig;
  ShmObject other(bytes_of_values({7.0F, 8.0F}));
  const std::string message = sized_field(1, "m") + shared_x(2, place(4, "in", 8));
  Link& link = rig.connect();
  for (int i = 0; i < 1'000; ++i) {
    const std::int32_t id = link.infer(message);
    if (i % 2 == 1) {
      rig.regions.remove("in");
      REQUIRE(rig.regions.add(i % 4 == 1 ? other.spec("in", 0, 8) : rig.in.spec("in", 8, 8))
                  .has_value());
    }
    rig.settle();
    REQUIRE(link.status(id) == "0");
    const std::string got = link.output(id);
    const bool is_other = (i + 1) / 2 % 2 == 1;
    REQUIRE(got == (is_other ? bytes_of_values({7.0F, 8.0F}) : bytes_of_values({1.5F, 2.5F})));
  }
}

}  // namespace penstock::testing
