#include "p2p/frame.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"
#include "p2p/messages.h"

namespace daidd::p2p {
namespace {

std::array<uint8_t, 4> checksum_of(ByteView payload) {
    const Hash256 hash = crypto::sha256d(payload);
    return {hash[0], hash[1], hash[2], hash[3]};
}

/// Printable ASCII, then zeros only.
std::optional<std::string> parse_command(const std::array<uint8_t, 12>& field) {
    const auto end = std::find(field.begin(), field.end(), uint8_t{0});
    if (end == field.begin() || std::any_of(end, field.end(), [](uint8_t c) { return c != 0; })) return {};
    if (std::any_of(field.begin(), end, [](uint8_t c) { return c < 0x20 || c > 0x7e; })) return {};
    return std::string(field.begin(), end);
}

struct CommandLimit {
    std::string_view command;
    size_t max;
};
// One element past a list's limit still arrives whole, so that it is punished and not merely cut off.
constexpr size_t kInventoryBytesMax = 9 + (kInventoryMax + 1) * 36;
constexpr size_t kGetHeadersBytesMax = 4 + 9 + (kLocatorMax + 1) * 32 + 32;
constexpr CommandLimit kLimits[] = {
    {command::kVersion, kSmallMessageMax},
    {command::kVerack, 0},
    {command::kPing, kSmallMessageMax},
    {command::kPong, kSmallMessageMax},
    {command::kGetHeaders, kGetHeadersBytesMax},
    {command::kHeaders, kHeadersMessageMax},
    {command::kInv, kInventoryBytesMax},
    {command::kGetData, kInventoryBytesMax},
    {command::kNotFound, kInventoryBytesMax},
    {command::kBlock, kBlockMessageMax},
    {command::kTx, kTxMessageMax},
};

}  // namespace

size_t payload_max(std::string_view command) {
    for (const CommandLimit& limit : kLimits) {
        if (limit.command == command) return limit.max;
    }
    return kUnknownMessageMax;
}

Bytes encode_frame(uint32_t magic, std::string_view command, ByteView payload) {
    FrameHeader header;
    assert(!command.empty() && command.size() <= header.command.size());
    header.magic = magic;
    std::copy(command.begin(), command.end(), header.command.begin());
    header.length = uint32_t(payload.size());
    header.checksum = checksum_of(payload);
    Bytes bytes = encode(header);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

std::string_view to_string(FrameError error) {
    switch (error) {
    case FrameError::kWrongMagic: return "wrong magic";
    case FrameError::kBadCommand: return "bad command";
    case FrameError::kTooLong: return "message too long";
    }
    return "";
}

std::optional<FrameError> FrameParser::begin() {
    header_ = *decode<FrameHeader>(head_);
    head_.clear();
    if (header_.magic != magic_) return FrameError::kWrongMagic;
    const auto command = parse_command(header_.command);
    if (!command) return FrameError::kBadCommand;
    if (header_.length > payload_max(*command)) return FrameError::kTooLong;
    in_payload_ = true;
    return std::nullopt;
}

void FrameParser::finish(std::deque<Frame>& out) {
    if (checksum_of(payload_) == header_.checksum) {
        out.push_back({*parse_command(header_.command), std::move(payload_)});
    } else {
        ++dropped_;
    }
    payload_ = {};
    in_payload_ = false;
}

std::optional<FrameError> FrameParser::feed(ByteView bytes, std::deque<Frame>& out) {
    while (!error_ && !bytes.empty()) {
        Bytes& part = in_payload_ ? payload_ : head_;
        const size_t whole = in_payload_ ? header_.length : kFrameHeaderBytes;
        const size_t taken = std::min(whole - part.size(), bytes.size());
        part.insert(part.end(), bytes.begin(), bytes.begin() + ptrdiff_t(taken));
        bytes = bytes.subspan(taken);
        if (part.size() < whole) break;
        if (in_payload_) {
            finish(out);
            continue;
        }
        error_ = begin();
        if (!error_ && header_.length == 0) finish(out);
    }
    return error_;
}

}  // namespace daidd::p2p
