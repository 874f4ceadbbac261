#include <cstdlib>

#include "consensus/params.h"
#include "p2p/frame.h"
#include "p2p/messages.h"

// Reads what a peer may send. The first byte chooses: a stream, cut in two ways that must give the same
// frames; or the payload of one message, whose encoding must be the only one.

namespace daidd::p2p {
namespace {

struct Parsed {
    std::deque<Frame> frames;
    std::optional<FrameError> error;
    uint64_t dropped = 0;
};

Parsed parse(ByteView stream, size_t step) {
    FrameParser parser{consensus::regtest_params().magic};
    Parsed parsed;
    for (; !stream.empty(); stream = stream.subspan(std::min(step, stream.size()))) {
        parsed.error = parser.feed(stream.first(std::min(step, stream.size())), parsed.frames);
    }
    parsed.dropped = parser.dropped();
    return parsed;
}

/// Frames as the bytes list them: command, length, payload, the header around them made right; so that
/// mutations get past magic and checksum.
Bytes framed(ByteView list) {
    Bytes stream;
    while (list.size() >= 2) {
        const size_t length = std::min<size_t>(list[1], list.size() - 2);
        const std::string command(1 + list[0] % 12, char('a' + list[0] % 26));
        const Bytes frame = encode_frame(consensus::regtest_params().magic, command, list.subspan(2, length));
        stream.insert(stream.end(), frame.begin(), frame.end());
        list = list.subspan(2 + length);
    }
    stream.insert(stream.end(), list.begin(), list.end());
    return stream;
}

void read_stream(ByteView stream, size_t step) {
    const Parsed whole = parse(stream, stream.size());
    const Parsed pieces = parse(stream, step);
    if (whole.error != pieces.error || whole.dropped != pieces.dropped) std::abort();
    if (whole.frames.size() != pieces.frames.size()) std::abort();
    for (size_t i = 0; i < whole.frames.size(); ++i) {
        const Frame& frame = whole.frames[i];
        if (frame.command != pieces.frames[i].command || frame.payload != pieces.frames[i].payload) {
            std::abort();
        }
        if (frame.payload.size() > payload_max(frame.command)) std::abort();
    }
}

template <class Message>
void read_message(ByteView payload) {
    const auto message = decode<Message>(payload);
    if (!message) return;
    const Bytes again = encode(*message);
    if (!std::equal(again.begin(), again.end(), payload.begin(), payload.end())) std::abort();
}

}  // namespace
}  // namespace daidd::p2p

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::p2p;
    if (size < 2) return 0;
    const daidd::ByteView rest{data + 2, size - 2};
    switch (data[0] % 9) {
    case 0: read_stream(rest, 1 + data[1]); break;
    case 1: read_stream(framed(rest), 1 + data[1]); break;
    case 2: read_message<VersionMessage>(rest); break;
    case 3: read_message<PingMessage>(rest); break;
    case 4: read_message<GetHeadersMessage>(rest); break;
    case 5: read_message<HeadersMessage>(rest); break;
    case 6: read_message<InventoryMessage>(rest); break;
    case 7: read_message<daidd::work::SealedHeader>(rest); break;
    case 8: read_message<FrameHeader>(rest); break;
    }
    return 0;
}
