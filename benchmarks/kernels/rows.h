// SPDX-License-Identifier: Apache-2.0
// Rows of floats from a file, taken in turn, so that no row is always the one before; and answers
// to a file.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace kernels_bench {

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

class Rows {
 public:
  Rows(const std::string& path, std::size_t columns) : columns_(columns) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) fail(path + " cannot be read");
    all_.resize(static_cast<std::size_t>(file.tellg()) / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(all_.data()),
              static_cast<std::streamsize>(all_.size() * sizeof(float)));
  }

  std::size_t columns() const { return columns_; }
  std::size_t count() const { return all_.size() / columns_; }
  const float* first() const { return all_.data(); }

  const float* next(std::size_t batch) {
    if (at_ + batch > count()) at_ = 0;
    const float* const rows = all_.data() + at_ * columns_;
    at_ += batch;
    return rows;
  }

 private:
  std::size_t columns_;
  std::size_t at_ = 0;
  std::vector<float> all_;
};

// Numbers of one kind, row by row.
template <class T>
inline void write_answers(const std::string& path, const std::vector<T>& answers) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(answers.data()),
             static_cast<std::streamsize>(answers.size() * sizeof(T)));
}

inline constexpr std::size_t kBatches[] = {1, 8, 64, 1024};

}  // namespace kernels_bench
