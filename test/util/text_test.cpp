#include "util/text.h"

#include <gtest/gtest.h>

namespace daidd {
namespace {

TEST(Printable, KeepsTextAndLines) {
    for (const char* text :
         {"", "two\nlines\tand a tab ~", "caf\xc3\xa9 \xc2\xa0\xe2\x82\xac \xf0\x9f\x98\x80"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, ReplacesWhatDrivesATerminal) {
    EXPECT_EQ(printable("a\x1b[2Jb"), "a\xef\xbf\xbd[2Jb");
    EXPECT_EQ(printable("\r\b\x7f"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(printable(std::string_view{"\0", 1}), "\xef\xbf\xbd");
    EXPECT_EQ(printable("\xc2\x80|\xc2\x9f|\xc2"), "\xef\xbf\xbd|\xef\xbf\xbd|\xc2");
}

}  // namespace
}  // namespace daidd
