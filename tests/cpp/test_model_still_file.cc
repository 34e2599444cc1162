// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "harness.h"
#include "model/still_file.h"

namespace penstock::model {
namespace {

class StillFiles {
 public:
  StillFiles()
      : path_(std::filesystem::temp_directory_path() /
              ("penstock-still-" + std::to_string(getpid()))) {
    std::ofstream(path_) << "what is held";
  }
  ~StillFiles() { std::filesystem::remove(path_); }

  std::optional<StillFile> hold(std::size_t size = 12) const {
    auto held = StillFile::hold(base::UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC)), size);
    if (!held) return std::nullopt;
    return *std::move(held);
  }
  // One that does not wait.
  base::UniqueFd open_to_write() const {
    return base::UniqueFd(open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  }
  static std::string text(const StillFile& file) {
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
  }

 private:
  std::filesystem::path path_;
};

TEST(model_still_file, whoever_would_change_a_mapped_file_waits_until_it_is_let_go) {
  const StillFiles files;
  auto held = files.hold();
  REQUIRE(held.has_value());
  EXPECT_EQ(StillFiles::text(*held), "what is held");
  if (!held->is_mapped()) return;  // this file system gives no leases
  const base::UniqueFd writer = files.open_to_write();
  EXPECT(!writer && errno == EWOULDBLOCK);
  const auto second = files.hold();  // as a reload of the same file does
  EXPECT(!second.has_value() || StillFiles::text(*second) == "what is held");
  EXPECT_EQ(StillFiles::text(*held), "what is held");
}

TEST(model_still_file, a_file_that_somebody_may_write_to_is_read) {
  const StillFiles files;
  const base::UniqueFd writer = files.open_to_write();
  const auto held = files.hold();
  REQUIRE(held.has_value());
  EXPECT(!held->is_mapped());
  REQUIRE(ftruncate(writer.get(), 0) == 0);
  EXPECT_EQ(StillFiles::text(*held), "what is held");
}

TEST(model_still_file, it_may_be_written_to_once_it_is_let_go) {
  const StillFiles files;
  files.hold().reset();
  EXPECT(static_cast<bool>(files.open_to_write()));
}

TEST(model_still_file, one_that_has_become_shorter_is_refused) {
  const StillFiles files;
  EXPECT(!files.hold(13).has_value());
}

}  // namespace
}  // namespace penstock::model
