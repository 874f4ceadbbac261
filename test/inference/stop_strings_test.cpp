#include "inference/stop_strings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "inference/random.h"

namespace daidd::inference {
namespace {

TEST(CheckStopStrings, NamesWhatIsWrong) {
    EXPECT_EQ(check_stop_strings({}), std::nullopt);
    EXPECT_EQ(check_stop_strings({"a", ""}), StopStringsError::kEmpty);
    EXPECT_EQ(check_stop_strings(std::vector<std::string>(kStopStringsMax, "a")), std::nullopt);
    EXPECT_EQ(check_stop_strings(std::vector<std::string>(kStopStringsMax + 1, "a")),
              StopStringsError::kTooMany);
    EXPECT_EQ(check_stop_strings({std::string(kStopStringBytesMax, 'a')}), std::nullopt);
    EXPECT_EQ(check_stop_strings({std::string(kStopStringBytesMax + 1, 'a')}), StopStringsError::kTooLong);
}

/// The pieces that come out, and behind a bar what finish() gives; "!" at the end if it stopped.
std::string shown(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
    AnswerText text{stops};
    std::string out;
    for (const auto& piece : pieces) out += text.push(piece) + "|";
    out += text.finish();
    return out + (text.stopped() ? "!" : "");
}

struct StopCase {
    const char* name;
    std::vector<std::string> stops, pieces;
    std::string expected;
    friend void PrintTo(const StopCase& stop, std::ostream* out) { *out << stop.name; }
};
const StopCase kStopCases[] = {
    {"none", {}, {"ab", "c"}, "ab|c|"},
    {"not_there", {"x"}, {"ab", "c"}, "ab|c|"},
    {"alone", {"abc"}, {"abc"}, "|!"},
    {"within_a_token", {"lo w"}, {"hello world"}, "hel|!"},
    {"across_tokens", {"lo w"}, {"hel", "lo", " ", "wor", "ld"}, "he|l||||!"},
    {"nothing_after", {"b"}, {"abc", "def"}, "a||!"},
    {"held_until_the_end", {"xyz"}, {"ab", "xy"}, "ab||xy"},
    {"held_then_free", {"xyz"}, {"x", "y", "q"}, "||xyq|"},
    {"free_by_a_new_start", {"aab"}, {"a", "a", "a", "b"}, "||a||!"},
    {"overlaps_itself", {"abab"}, {"ab", "a", "c", "abab"}, "||abac||!"},
    {"ends_first", {"abcd", "bc"}, {"ab", "c", "d"}, "|a||!"},
    {"ends_first_in_one_piece", {"abcd", "bc"}, {"abcd"}, "a|!"},
    {"begins_first", {"c", "abc"}, {"abc"}, "|!"},
    {"prefix_of_another", {"ab", "abc"}, {"xa", "bc"}, "x||!"},
    {"within_a_character", {"\xC3\xA9"}, {"caf\xC3", "\xA9s"}, "caf||!"},
    {"character_that_begins_like_it", {"\xC3\xA9"}, {"\xC3", "\xA8"}, "|\xC3\xA8|"},
    {"unfinished_character", {"x"}, {"a\xF0\x9F"}, "a|\xEF\xBF\xBD"},
    {"not_utf8", {"x"}, {"a\xFF", "b"}, "a\xEF\xBF\xBD|b|"},
};

class StopStrings : public testing::TestWithParam<StopCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, StopStrings, testing::ValuesIn(kStopCases),
                         [](const auto& stop) { return stop.param.name; });
TEST_P(StopStrings, ShowsWhatIsBefore) {
    EXPECT_EQ(shown(GetParam().stops, GetParam().pieces), GetParam().expected);
}

// Against the definition, over an alphabet so small that everything overlaps, in pieces of every length.
TEST(StopStringsProperty, PiecesNeverMatter) {
    Random random{1};
    const auto word = [&](int64_t least, int64_t most) {
        std::string out;
        for (int64_t size = random.in(least, most); size > 0; --size) out += char('a' + random.in(0, 1));
        return out;
    };
    size_t stopped = 0;
    for (int i = 0; i < 5000; ++i) {
        std::vector<std::string> stops(size_t(random.in(0, 3)));
        for (auto& stop : stops) stop = word(1, 6);
        const std::string whole = word(0, 30);
        std::string expected = whole;
        bool stops_there = false;
        for (size_t end = 1; end <= whole.size() && !stops_there; ++end) {
            size_t longest = 0;
            for (const auto& stop : stops) {
                if (std::string_view{whole}.substr(0, end).ends_with(stop))
                    longest = std::max(longest, stop.size());
            }
            stops_there = longest > 0;
            if (stops_there) expected = whole.substr(0, end - longest);
        }
        AnswerText text{stops};
        std::string out;
        for (size_t at = 0; at < whole.size();) {
            const auto size = size_t(random.in(1, 5));
            out += text.push(std::string_view{whole}.substr(at, size));
            ASSERT_TRUE(expected.starts_with(out)) << "a part of the stop string was shown";
            at += size;
        }
        EXPECT_EQ(out + text.finish(), expected);
        EXPECT_EQ(text.stopped(), stops_there);
        stopped += stops_there ? 1 : 0;
    }
    EXPECT_GT(stopped, 1000u);
}

}  // namespace
}  // namespace daidd::inference
