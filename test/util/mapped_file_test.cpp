#include "util/mapped_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace daidd {
namespace {

TEST(MappedFile, WritesAndMaps) {
    const std::string path = testing::TempDir() + "mapped_" + std::to_string(::getpid());
    ASSERT_FALSE(write_file(path, as_bytes("abc")));
    const auto file = map_file(path);
    ASSERT_TRUE(file);
    EXPECT_EQ(as_text(file->bytes), "abc");
    ASSERT_FALSE(write_file(path, {}));
    EXPECT_EQ(as_text(file->bytes), "abc") << "replacing a file leaves the mapped one alone";
    EXPECT_TRUE(map_file(path)->bytes.empty());
    ::unlink(path.c_str());
}

TEST(MappedFile, NamesWhatIsWrong) {
    EXPECT_EQ(map_file("no/such/file").error(), "no/such/file: No such file or directory");
    EXPECT_EQ(map_file(".").error(), ".: not a regular file");
    EXPECT_EQ(*write_file("no/such/file", {}), "no/such/file.part: No such file or directory");
}

TEST(MappedFile, LeavesNothingBesideATargetThatCannotBeReplaced) {
    std::string folder = testing::TempDir() + "mapped_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    EXPECT_EQ(*write_file(folder, as_bytes("abc")), folder + ": Is a directory");
    EXPECT_NE(::access((folder + ".part").c_str(), F_OK), 0);
    ::rmdir(folder.c_str());
}

}  // namespace
}  // namespace daidd
