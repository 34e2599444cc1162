// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <initializer_list>

#include "forests.h"
#include "harness.h"

// Every form of a forest, on every instruction set, beside the dull walk.
namespace penstock::kernels {
namespace {

using testing::ForestMaker;
using testing::ForestWish;
using testing::OwnedForest;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kSeeds = 1;
#else
constexpr std::uint32_t kSeeds = 3;
#endif

std::vector<Isa> isas() {
  std::vector<Isa> all = {Isa::kScalar};
  const Isa best = best_isa(read_cpu_words());
  if (best >= Isa::kAvx2) all.push_back(Isa::kAvx2);
  if (best >= Isa::kAvx512) all.push_back(Isa::kAvx512);
  return all;
}

template <class T>
bool is_same(T a, T b, bool is_exact) {
  if (std::isnan(a) && std::isnan(b)) return true;
  if (!is_exact) return std::abs(a - b) <= T(2e-5) * (std::abs(a) + T(1));
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

// The first number that is computed wrongly, whatever the number of rows; or nothing.
template <class In, class Out>
std::string wrong(const OwnedForest& owned, const std::vector<double>& numbers, Isa isa,
                  std::initializer_list<std::size_t> all_rows) {
  const ForestView view = owned.view();
  // Rows have gaps between them, on both sides.
  const std::size_t x_stride = view.features + 3;
  const std::size_t y_stride = view.targets + 2;
  const std::size_t most = numbers.size() / view.features;
  std::vector<In> x(most * x_stride, In{7});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    x[i / view.features * x_stride + i % view.features] = static_cast<In>(numbers[i]);
  }
  constexpr Out kUntouched = 12345;
  std::vector<Out> wanted(most * y_stride, kUntouched);
  forest_reference(view, x.data(), x_stride, most, wanted.data(), y_stride);
  Scratch scratch;
  const RowKind kind = std::is_same_v<In, float> ? RowKind::kFloat : RowKind::kDouble;
  const auto forest = Forest::compile(view, kind, isa);
  const bool is_exact = view.sum != ForestSum::kInAnyOrder;
  for (const std::size_t rows : all_rows) {
    std::vector<Out> given(rows * y_stride, kUntouched);
    forest->run(x.data(), x_stride, rows, given.data(), y_stride, scratch);
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (is_same(wanted[i], given[i], is_exact)) continue;
      return std::string(name_of(isa)) + " " + std::string(name_of(forest->form_for(rows))) +
             " of " + std::to_string(rows) + " rows: at " + std::to_string(i) + " wanted " +
             std::to_string(wanted[i]) + ", given " + std::to_string(given[i]);
    }
  }
  return {};
}

void expect_right(ForestWish wish) {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    for (const ForestSum sum :
         {ForestSum::kInFloat, ForestSum::kInDouble, ForestSum::kInAnyOrder}) {
      wish.sum = sum;
      wish.factor = seed % 3 == 0 ? 0.1 : 1;
      ForestMaker maker(wish, seed);
      const OwnedForest owned = maker.make();
      const std::vector<double> numbers = maker.rows(130);
      for (const Isa isa : isas()) {
        EXPECT_EQ((wrong<float, float>(owned, numbers, isa, {1, 3, 30, 57, 64, 130})), "");
        EXPECT_EQ((wrong<double, double>(owned, numbers, isa, {1, 3, 30, 57, 64, 130})), "");
        EXPECT_EQ((wrong<float, double>(owned, numbers, isa, {33})), "");
        EXPECT_EQ((wrong<double, float>(owned, numbers, isa, {33})), "");
      }
    }
  }
}

// How a forest of that wish would be computed with AVX-512, or "" on a machine without.
std::string form(const ForestWish& wish, std::size_t rows) {
  if (isas().back() != Isa::kAvx512) return {};
  const OwnedForest owned = ForestMaker(wish, 1).make();
  const auto forest = Forest::compile(owned.view(), RowKind::kFloat, Isa::kAvx512);
  return std::string(name_of(forest->form_for(rows)));
}

void expect_form(const ForestWish& wish, std::size_t rows, std::string_view wanted) {
  const std::string given = form(wish, rows);
  if (!given.empty()) EXPECT_EQ(given, wanted);
}

TEST(kernels_forest, small_trees_are_masks_of_32_leaves) {
  const ForestWish wish{.trees = 37, .leaves_max = 31};
  expect_form(wish, 1, "masks");
  expect_form(wish, 64, "mux");
  expect_right(wish);
}

TEST(kernels_forest, larger_trees_are_masks_of_64_leaves) {
  const ForestWish wish{.trees = 20, .features = 9, .leaves_max = 64, .thresholds = 60};
  expect_form(wish, 25, "masks");
  expect_form(wish, 26, "mux");
  expect_right(wish);
}

TEST(kernels_forest, shallow_trees_are_perfect) {
  const ForestWish wish{.trees = 33, .leaves_max = 64, .depth_max = 6};
  expect_form(wish, 49, "perfect");
  expect_form(wish, 50, "mux");
  expect_right(wish);
}

TEST(kernels_forest, stumps_and_lone_leaves) {
  expect_right({.trees = 50, .leaves_max = 2});
  expect_right({.trees = 17, .leaves_max = 1});
}

TEST(kernels_forest, values_are_missing_in_every_way) {
  expect_right({.trees = 30, .leaves_max = 31, .has_missing = true});
  expect_right({.trees = 20, .leaves_max = 60, .depth_max = 6, .has_missing = true});
  expect_right({.trees = 20, .leaves_max = 200, .has_missing = true});
}

TEST(kernels_forest, categories_are_columns_of_their_own) {
  expect_right({.trees = 30, .leaves_max = 31, .has_categories = true});
  expect_right({.trees = 20, .leaves_max = 200, .has_missing = true, .has_categories = true});
}

TEST(kernels_forest, a_feature_has_more_thresholds_than_a_byte_can_number) {
  expect_right({.trees = 150, .features = 2, .leaves_max = 30, .thresholds = 1000});
  expect_right(
      {.trees = 60, .features = 3, .leaves_max = 100, .thresholds = 5000, .has_missing = true});
}

TEST(kernels_forest, more_columns_than_one_register_holds) {
  const ForestWish wish{.trees = 60, .features = 50, .leaves_max = 31, .has_missing = true};
  expect_right(wish);
  expect_right({.trees = 60, .features = 100, .leaves_max = 20});
  expect_right({.trees = 60, .features = 300, .leaves_max = 20});
}

TEST(kernels_forest, deep_trees_are_walked) {
  const ForestWish wish{.trees = 17, .features = 20, .leaves_max = 700, .thresholds = 3000};
  expect_form(wish, 1, "gather");
  expect_form(wish, 64, "gather");
  expect_right(wish);
  expect_right({.trees = 3, .features = 40, .leaves_max = 300});
  expect_right({.trees = 3, .features = 260, .leaves_max = 300});
}

TEST(kernels_forest, trees_of_several_targets) {
  expect_right({.trees = 40, .targets = 3, .leaves_max = 31});
  expect_right({.trees = 40, .targets = 5, .leaves_max = 40, .depth_max = 6});
  expect_right({.trees = 20, .targets = 3, .leaves_max = 400});
}

TEST(kernels_forest, a_tree_adds_to_several_targets) {
  expect_right({.trees = 40, .targets = 3, .leaves_max = 31, .mixes_targets = true});
  expect_right(
      {.trees = 40, .targets = 3, .leaves_max = 64, .depth_max = 6, .mixes_targets = true});
  expect_right({.trees = 10, .targets = 4, .leaves_max = 400, .mixes_targets = true});
}

TEST(kernels_forest, leaves_are_rows_of_all_targets) {
  expect_right({.trees = 20, .targets = 3, .leaves_max = 31, .leaves_are_rows = true});
  expect_right({.trees = 10, .targets = 2, .leaves_max = 500, .leaves_are_rows = true});
  expect_right({.trees = 10, .targets = 1, .leaves_max = 50, .leaves_are_rows = true});
}

TEST(kernels_forest, targets_without_trees_get_their_base) {
  expect_right({.trees = 1, .targets = 4, .leaves_max = 5});
}

TEST(kernels_forest, a_scratch_that_has_seen_a_block_allocates_no_more) {
  const OwnedForest owned = ForestMaker({.trees = 40}, 3).make();
  const auto forest = Forest::compile(owned.view(), RowKind::kFloat, isas().back());
  const std::vector<float> x(64 * 5, 0.5F);
  std::vector<float> y(64);
  Scratch scratch;
  forest->run(x.data(), 5, 64, y.data(), 1, scratch);
  scratch.reset();
  const std::size_t held = scratch.bytes();
  for (int i = 0; i < 10; ++i) forest->run(x.data(), 5, 64, y.data(), 1, scratch);
  EXPECT_EQ(scratch.bytes(), held);
  EXPECT(forest->bytes() > 0);
}

}  // namespace
}  // namespace penstock::kernels
