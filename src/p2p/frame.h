#pragma once

#include <deque>
#include <optional>
#include <string_view>

#include "p2p/limits.h"
#include "util/codec.h"

namespace daidd::p2p {

/// What precedes every payload, as in Bitcoin: the command is ASCII, padded with zeros.
struct FrameHeader {
    uint32_t magic = 0;
    std::array<uint8_t, 12> command{};
    uint32_t length = 0;
    std::array<uint8_t, 4> checksum{};  ///< the first bytes of SHA256d(payload)

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.magic, self.command, self.length, self.checksum);
    }
};
inline constexpr size_t kFrameHeaderBytes = 24;

struct Frame {
    std::string command;
    Bytes payload;
};

/// The largest payload of a command; kUnknownMessageMax for one that is not known (it is ignored then).
size_t payload_max(std::string_view command);

/// Requires a command of 1 to 12 characters.
Bytes encode_frame(uint32_t magic, std::string_view command, ByteView payload);

/// Why the stream can no longer be read: the peer is disconnected.
enum class FrameError { kWrongMagic, kBadCommand, kTooLong };
std::string_view to_string(FrameError error);

/// Cuts a stream of bytes into frames. Holds at most one unfinished frame; a length is refused before any of
/// its payload is kept. A frame whose checksum is wrong is dropped and counted.
class FrameParser {
public:
    explicit FrameParser(uint32_t magic) : magic_{magic} {}

    /// After an error the parser takes nothing more.
    std::optional<FrameError> feed(ByteView bytes, std::deque<Frame>& out);
    uint64_t dropped() const { return dropped_; }

private:
    std::optional<FrameError> begin();
    void finish(std::deque<Frame>& out);

    uint32_t magic_;
    Bytes head_;  // of the header, until it is whole
    FrameHeader header_;
    Bytes payload_;
    bool in_payload_ = false;
    std::optional<FrameError> error_;
    uint64_t dropped_ = 0;
};

}  // namespace daidd::p2p
