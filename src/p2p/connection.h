#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "p2p/limits.h"
#include "util/bytes.h"

/// Sockets, timers and the one thread they run on. The only file of p2p that knows Boost.Asio is
/// connection.cpp; everything else sees bytes. Callbacks run on the loop's thread, one at a time.
namespace daidd::p2p {

struct Address {
    std::string host;  ///< a name or an address, an IPv6 one without brackets
    uint16_t port = 0;

    auto operator<=>(const Address&) const = default;
    std::string text() const;  ///< host:port, [host]:port for IPv6
};
/// "host", "host:port", "[v6]:port". Nothing if empty, if the port is not 1 to 65535, or if a host without
/// brackets holds two colons.
std::optional<Address> parse_address(std::string_view text, uint16_t default_port);
/// Whether a numeric address is of this machine: 127.0.0.0/8 or ::1.
bool is_loopback(const std::string& host);

/// An open socket. Used on the loop's thread only, and destroyed before the loop is. Closed when destroyed.
class Connection {
public:
    struct Events {
        std::function<void(ByteView)> received;
        std::function<void()> drained;                 ///< everything that was queued has been sent
        std::function<void(std::string_view)> closed;  ///< by the peer or an error; not by close()
    };
    virtual ~Connection() = default;
    /// Starts reading. Called once.
    virtual void start(Events events) = 0;
    /// Queues bytes. While more than kSendPauseBytes are queued nothing is read.
    virtual void send(Bytes bytes) = 0;
    virtual size_t queued() const = 0;
    virtual uint64_t bytes_sent() const = 0;
    /// No event comes afterwards.
    virtual void close() = 0;
    virtual const Address& remote() const = 0;
    virtual const Address& local() const = 0;
};

class Loop {
public:
    using Accepted = std::function<void(std::shared_ptr<Connection>)>;
    /// The connection, or null and the reason.
    using Connected = std::function<void(std::shared_ptr<Connection>, std::string_view)>;

    Loop();
    ~Loop();  ///< stop()
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs callbacks from here on.
    void start();
    /// Closes the listening socket, drops what is posted and joins the thread. Not from a callback.
    void stop();
    /// From any thread; dropped after stop().
    void post(std::function<void()> task);
    /// Before start(). Repeats until stop().
    void every(std::chrono::milliseconds interval, std::function<void()> task);
    /// Before start(). The port that is listened on, or nothing and `why`.
    std::optional<uint16_t> listen(const std::string& host, uint16_t port, Accepted accepted,
                                   std::string& why);
    /// On the loop's thread. Gives up after kConnectTimeout.
    void connect(const Address& address, Connected connected);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::p2p
