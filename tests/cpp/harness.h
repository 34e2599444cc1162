// SPDX-License-Identifier: Apache-2.0
#pragma once

// The C++ tests' harness: a list of named test functions and a handful of expectations.
//
//   TEST(base_buffer, an_empty_buffer_has_no_bytes) { EXPECT_EQ(Buffer().size(), 0); }
//
// EXPECT_* notes a failure and goes on; REQUIRE notes it and returns from the test (so it stands
// in TEST bodies and in functions that return void). Both print one line naming place and values.
// Tests run one after another on the main thread, and expectations may be used from there only.

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstdint>
#include <ostream>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace penstock::testing {

// One entry of the list that the runner walks. Registers itself on construction; the objects are
// the statics that TEST makes, so they live as long as the program.
class TestCase {
 public:
  TestCase(const char* room, const char* name, void (*body)());
  TestCase(const TestCase&) = delete;
  TestCase& operator=(const TestCase&) = delete;

  static const TestCase* first();
  const TestCase* next() const { return next_; }
  std::string full_name() const;
  void run() const { body_(); }

 private:
  const char* room_;
  const char* name_;
  void (*body_)();
  const TestCase* next_ = nullptr;
};

// Notes a failure of the running test and prints its line.
void fail(const char* file, int line, const std::string& what);

// --- how values are compared ---------------------------------------------------------------

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                 !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                 !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
concept Text = std::convertible_to<const T&, std::string_view>;

template <class A, class B>
bool is_equal(const A& a, const B& b) {
  if constexpr (Number<A> && Number<B>) {
    return std::cmp_equal(a, b);  // 3 equals std::size_t{3}, -1 equals no unsigned value
  } else if constexpr (Text<A> && Text<B>) {
    return std::string_view(a) == std::string_view(b);
  } else if constexpr (requires { a == b; }) {
    return static_cast<bool>(a == b);
  } else {
    return std::ranges::equal(a, b);  // spans, which have no == of their own
  }
}

template <class A, class B>
bool is_less(const A& a, const B& b) {
  if constexpr (Number<A> && Number<B>) {
    return std::cmp_less(a, b);
  } else {
    return static_cast<bool>(a < b);
  }
}

// --- how values are shown ------------------------------------------------------------------

template <class T>
void show_to(std::ostream& out, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::same_as<T, char> || std::same_as<T, unsigned char> ||
                       std::same_as<T, signed char> || std::same_as<T, std::byte>) {
    out << static_cast<int>(value);
  } else if constexpr (Text<T>) {
    out << '"' << std::string_view(value) << '"';
  } else if constexpr (std::same_as<T, std::nullptr_t>) {
    out << "nullptr";
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else if constexpr (std::is_enum_v<T>) {
    out << "enumerator " << static_cast<std::int64_t>(value);
  } else if constexpr (requires { value.has_value(), *value; }) {
    if (value.has_value()) {
      show_to(out, *value);
    } else {
      out << "(no value)";
    }
  } else if constexpr (std::ranges::input_range<const T>) {
    out << '[';
    std::size_t shown = 0;
    for (const auto& element : value) {
      if (shown == 32) {
        out << ", ...";
        break;
      }
      if (shown++ > 0) out << ", ";
      show_to(out, element);
    }
    out << ']';
  } else {
    out << "(a value that cannot be shown)";
  }
}

template <class T>
std::string show(const T& value) {
  std::ostringstream out;
  show_to(out, value);
  return std::move(out).str();
}

template <class Claim, class A, class B>
void expect_pair(Claim holds, const char* file, int line, std::string_view claim, const A& a,
                 const B& b) {
  if (!holds(a, b)) fail(file, line, std::string(claim) + ": " + show(a) + " against " + show(b));
}

}  // namespace penstock::testing

#define TEST(room, name)                                                                      \
  static void test_##room##_##name();                                                         \
  static const ::penstock::testing::TestCase test_case_##room##_##name(#room, #name,          \
                                                                       test_##room##_##name); \
  static void test_##room##_##name()

// One full expression: what `a` and `b` refer to may be a part of a temporary.
#define PENSTOCK_EXPECT_PAIR(word, holds, a, b)                                                    \
  ::penstock::testing::expect_pair(                                                                \
      [](const auto& expect_left, const auto& expect_right) { return holds; }, __FILE__, __LINE__, \
      #a " " word " " #b, (a), (b))

#define EXPECT(condition)                                                        \
  do {                                                                           \
    if (!(condition)) ::penstock::testing::fail(__FILE__, __LINE__, #condition); \
  } while (false)

#define REQUIRE(condition)                                       \
  do {                                                           \
    if (!(condition)) {                                          \
      ::penstock::testing::fail(__FILE__, __LINE__, #condition); \
      return;                                                    \
    }                                                            \
  } while (false)

#define EXPECT_EQ(a, b) \
  PENSTOCK_EXPECT_PAIR("==", ::penstock::testing::is_equal(expect_left, expect_right), a, b)
#define EXPECT_NE(a, b) \
  PENSTOCK_EXPECT_PAIR("!=", !::penstock::testing::is_equal(expect_left, expect_right), a, b)
#define EXPECT_LT(a, b) \
  PENSTOCK_EXPECT_PAIR("<", ::penstock::testing::is_less(expect_left, expect_right), a, b)
#define EXPECT_LE(a, b) \
  PENSTOCK_EXPECT_PAIR("<=", !::penstock::testing::is_less(expect_right, expect_left), a, b)
#define EXPECT_CONTAINS(text, part)                                                          \
  PENSTOCK_EXPECT_PAIR("contains",                                                           \
                       std::string_view(expect_left).find(std::string_view(expect_right)) != \
                           std::string_view::npos,                                           \
                       text, part)
