#include "p2p/frame.h"

#include <gtest/gtest.h>

#include "p2p/messages.h"

namespace daidd::p2p {
namespace {

constexpr uint32_t kMagic = 0xd1a1'4e67;

Bytes header_with(uint32_t magic, std::string_view command, uint32_t length) {
    FrameHeader header;
    header.magic = magic;
    std::copy(command.begin(), command.end(), header.command.begin());
    header.length = length;
    return encode(header);
}

std::optional<FrameError> feed(ByteView bytes, std::deque<Frame>& out) {
    FrameParser parser{kMagic};
    return parser.feed(bytes, out);
}

TEST(Frame, EveryPrefixIsIncomplete) {
    const Bytes bytes = encode_frame(kMagic, "ping", Bytes(8, 7));
    ASSERT_EQ(bytes.size(), kFrameHeaderBytes + 8);
    for (size_t size = 0; size < bytes.size(); ++size) {
        std::deque<Frame> frames;
        EXPECT_EQ(feed(ByteView{bytes}.first(size), frames), std::nullopt) << size;
        EXPECT_TRUE(frames.empty()) << size;
    }
    std::deque<Frame> frames;
    EXPECT_EQ(feed(bytes, frames), std::nullopt);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].command, "ping");
    EXPECT_EQ(frames[0].payload, Bytes(8, 7));
}

TEST(Frame, AStreamMayBeCutAnywhere) {
    Bytes stream;
    const std::vector<std::pair<std::string, size_t>> sent{{"verack", 0}, {"tx", 300}, {"twelve_chars", 1}};
    for (const auto& [command, size] : sent) {
        const Bytes bytes = encode_frame(kMagic, command, Bytes(size, uint8_t(size)));
        stream.insert(stream.end(), bytes.begin(), bytes.end());
    }
    for (size_t step = 1; step <= stream.size(); ++step) {
        FrameParser parser{kMagic};
        std::deque<Frame> frames;
        for (size_t at = 0; at < stream.size(); at += step) {
            const auto piece = ByteView{stream}.subspan(at, std::min(step, stream.size() - at));
            ASSERT_EQ(parser.feed(piece, frames), std::nullopt);
        }
        ASSERT_EQ(frames.size(), sent.size()) << step;
        for (size_t i = 0; i < sent.size(); ++i) {
            EXPECT_EQ(frames[i].command, sent[i].first);
            EXPECT_EQ(frames[i].payload, Bytes(sent[i].second, uint8_t(sent[i].second)));
        }
    }
}

struct HeaderCase {
    std::string name;
    Bytes header;
    std::optional<FrameError> error;
};
void PrintTo(const HeaderCase& value, std::ostream* out) { *out << value.name; }

const HeaderCase kHeaderCases[] = {
    {"good", header_with(kMagic, "ping", 8), std::nullopt},
    {"other_magic", header_with(kMagic ^ 1, "ping", 8), FrameError::kWrongMagic},
    {"no_command", header_with(kMagic, "", 0), FrameError::kBadCommand},
    {"byte_after_the_zeros", header_with(kMagic, std::string_view{"pi\0g", 4}, 8), FrameError::kBadCommand},
    {"below_printable", header_with(kMagic, "pi\x1fg", 8), FrameError::kBadCommand},
    {"space", header_with(kMagic, "a b", 8), std::nullopt},
    {"above_printable", header_with(kMagic, "pi\x7fg", 8), FrameError::kBadCommand},
    {"all_twelve", header_with(kMagic, "~~~~~~~~~~~~", 8), std::nullopt},
    {"longest_length", header_with(kMagic, "block", 0xffff'ffff), FrameError::kTooLong},
};

class FrameHeaders : public testing::TestWithParam<HeaderCase> {};
TEST_P(FrameHeaders, AreJudgedBeforeAnyPayload) {
    std::deque<Frame> frames;
    EXPECT_EQ(feed(GetParam().header, frames), GetParam().error);
    EXPECT_TRUE(frames.empty());
}
INSTANTIATE_TEST_SUITE_P(Cases, FrameHeaders, testing::ValuesIn(kHeaderCases),
                         [](const auto& test) { return test.param.name; });

TEST(Frame, EveryCommandHasItsLength) {
    struct Case {
        std::string_view command;
        size_t max;
    };
    constexpr Case kCases[] = {
        {command::kVersion, kSmallMessageMax},
        {command::kVerack, 0},
        {command::kPing, kSmallMessageMax},
        {command::kPong, kSmallMessageMax},
        {command::kGetHeaders, 4 + 9 + 102 * 32 + 32},
        {command::kHeaders, kHeadersMessageMax},
        {command::kInv, 9 + 50'001 * 36},
        {command::kGetData, 9 + 50'001 * 36},
        {command::kNotFound, 9 + 50'001 * 36},
        {command::kBlock, kBlockMessageMax},
        {command::kTx, kTxMessageMax},
        {"unheard_of", kUnknownMessageMax},
    };
    for (const auto& [command, max] : kCases) {
        EXPECT_EQ(payload_max(command), max) << command;
        std::deque<Frame> frames;
        EXPECT_EQ(feed(header_with(kMagic, command, uint32_t(max)), frames), std::nullopt) << command;
        EXPECT_EQ(feed(header_with(kMagic, command, uint32_t(max + 1)), frames), FrameError::kTooLong)
            << command;
    }
}

TEST(Frame, AWrongChecksumDropsTheFrameAlone) {
    Bytes bytes = encode_frame(kMagic, "ping", Bytes(8, 7));
    bytes.back() ^= 1;
    const Bytes good = encode_frame(kMagic, "pong", Bytes(8, 8));
    bytes.insert(bytes.end(), good.begin(), good.end());
    FrameParser parser{kMagic};
    std::deque<Frame> frames;
    EXPECT_EQ(parser.feed(bytes, frames), std::nullopt);
    EXPECT_EQ(parser.dropped(), 1u);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].command, "pong");
}

TEST(Frame, NothingIsTakenAfterAnError) {
    FrameParser parser{kMagic};
    std::deque<Frame> frames;
    EXPECT_EQ(parser.feed(header_with(0, "ping", 8), frames), FrameError::kWrongMagic);
    EXPECT_EQ(parser.feed(encode_frame(kMagic, "ping", Bytes(8)), frames), FrameError::kWrongMagic);
    EXPECT_TRUE(frames.empty());
}

template <class Message>
void expect_only_whole(const Message& message) {
    const Bytes bytes = encode(message);
    for (size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = decode<Message>(ByteView{bytes}.first(size));
        ASSERT_FALSE(cut) << size;
        EXPECT_EQ(cut.error(), DecodeError::kTruncated) << size;
    }
    ASSERT_TRUE(decode<Message>(bytes));
    EXPECT_EQ(encode(*decode<Message>(bytes)), bytes);
    Bytes longer = bytes;
    longer.push_back(0);
    ASSERT_FALSE(decode<Message>(longer));
    EXPECT_EQ(decode<Message>(longer).error(), DecodeError::kTrailingBytes);
}

TEST(Messages, AreWholeOrNothing) {
    VersionMessage version;
    version.user_agent = "/daidd:0.1.0/";
    expect_only_whole(version);
    expect_only_whole(PingMessage{0x0123'4567'89ab'cdef});
    expect_only_whole(GetHeadersMessage{1, {Hash256{1}, Hash256{2}}, {}});
    expect_only_whole(InventoryMessage{{{1, Hash256{1}}, {2, Hash256{2}}}});
    expect_only_whole(HeadersMessage{{work::SealedHeader{}}});
}

/// A list of `max` elements is read, one more is not.
template <class Message, class List>
void expect_limit(List Message::*list, size_t max) {
    Message message;
    (message.*list).resize(max);
    EXPECT_TRUE(decode<Message>(encode(message)));
    (message.*list).resize(max + 1);
    const auto over = decode<Message>(encode(message));
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error(), DecodeError::kOverLimit);
}

TEST(Messages, BoundTheirLists) {
    expect_limit(&InventoryMessage::items, kInventoryMax);
    expect_limit(&GetHeadersMessage::locator, kLocatorMax);
    expect_limit(&HeadersMessage::headers, kHeadersMax);
    expect_limit(&VersionMessage::user_agent, kUserAgentMax);
}

}  // namespace
}  // namespace daidd::p2p
