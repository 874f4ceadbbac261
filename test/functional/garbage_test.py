"""Bytes that no honest peer or client sends, and connections that only stay: the node goes on."""
import hashlib
import http.client
import socket
import struct

from framework import RpcError, expect_equal, main, seeded, wait_until
from oracle import whole_chain

MAGIC = 0xD1A1_4E67  # regtest's
BLOCK_MAX = 4_000_000 + (1 << 20) + 4096
COMMANDS = (b"version", b"verack", b"ping", b"pong", b"getheaders", b"headers", b"inv", b"getdata", b"notfound",
            b"block", b"tx", b"addr", b"mempool")


def frame(command, payload=b"", *, magic=MAGIC, length=None, checksum=None):
    if checksum is None:
        checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    length = len(payload) if length is None else length
    return struct.pack("<I12sI", magic, command, length) + checksum + payload


def version_of(node, nonce=7):
    genesis = bytes.fromhex(node.getblockhash(0))[::-1]
    agent = b"/garbage:1\x1b[2J/"
    return struct.pack("<IQqQ", 1, 0, 0, nonce) + bytes([len(agent)]) + agent + struct.pack("<i", 0) + genesis


class Peer:
    """A raw connection to a port of a node."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Whether all of it went: the node may hang up in the middle."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def is_hung_up(self):
        """Waits until the node closes the connection; what it sends before that does not count."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def receive(self):
        """The next frame's command and payload."""
        head = self.receive_exactly(24)
        magic, command, length = struct.unpack("<I12sI", head[:20])
        expect_equal(magic, MAGIC)
        return command.rstrip(b"\0"), self.receive_exactly(length)

    def receive_exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "hung up"
            data += more
        return data

    def shake_hands(self, node):
        self.send(frame(b"version", version_of(node)) + frame(b"verack"))
        expect_equal([self.receive()[0], self.receive()[0]], [b"version", b"verack"])
        return self

    def answers_pings(self):
        """Everything sent before has been handled when the answer comes."""
        self.send(frame(b"ping", b"12345678"))
        while True:
            command, payload = self.receive()
            if (command, payload) == (b"pong", b"12345678"):
                return True


def memory_mb(node):
    status = open(f"/proc/{node.process.pid}/status", encoding="ascii").read()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def mined(network):
    node = network.add("-serve=0", "-verifywork=0")
    node.createwallet("w")
    node.generatetoaddress(5, node.getnewaddress())
    return node


def expect_healthy(network, node):
    """It mines, a new peer syncs from it, and it ends as it should."""
    node.generatetoaddress(1, node.getnewaddress())
    peer = network.add("-serve=0", "-verifywork=0", f"-connect=127.0.0.1:{node.port}")
    network.sync([node, peer])
    expect_equal(whole_chain(peer), whole_chain(node))
    expect_equal(node.stop(), 0)
    assert " E [" not in node.tail(1_000_000), "an error was logged"


def frames_that_end_a_connection(network):
    node = mined(network)
    for what, data in {
        "wrong magic": frame(b"ping", b"1" * 8, magic=MAGIC + 1),
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "empty command": frame(b""),
        "unprintable command": frame(b"pi\x07ng"),
        "command after zeros": frame(b"pi\0ng"),
        "ping of one byte too many": frame(b"ping", length=1025),
        "block of one byte too many": frame(b"block", length=BLOCK_MAX + 1),
        "verack with a payload": frame(b"verack", b"1"),
        "unknown of one byte too many": frame(b"unknown", length=4_000_001),
        "length of all ones": frame(b"tx", length=0xFFFF_FFFF),
    }.items():
        with Peer(node.port) as peer:
            peer.send(data)
            assert peer.is_hung_up(), what
    wait_until(lambda: node.getconnectioncount() == 0, what="the last peer to go")
    expect_healthy(network, node)


def frames_that_are_ignored(network):
    node = mined(network)
    with Peer(node.port) as peer:
        for early in COMMANDS[2:]:
            peer.send(frame(early, b"\xff" * 8))
        peer.shake_hands(node)
        peer.send(frame(b"version", version_of(node)))  # a second time
        peer.send(frame(b"verack"))
        peer.send(frame(b"ping", b"1" * 8, checksum=b"\0\0\0\0"))
        peer.send(frame(b"unknown", b"x" * 1000))
        peer.send(frame(b"addr", b"\xff" * 1000))
        assert peer.answers_pings()
        expect_equal(node.getpeerinfo()[0]["subver"], "/garbage:1?[2J/")  # nothing that moves a terminal's cursor
    expect_healthy(network, node)


def malformed_payloads_end_a_connection(network):
    node = mined(network)
    short, long = b"\x01", b"\xff" * 40
    cases = [(command, payload) for command in COMMANDS[2:11] for payload in (short, long)]
    # One past each list's limit, and a count that memory could not hold.
    cases += [(command, b"\xfd" + struct.pack("<H", 50_001) + b"\0" * 36 * 50_001)
              for command in (b"inv", b"getdata", b"notfound")]
    cases += [(b"headers", b"\xfd" + struct.pack("<H", 2001)), (b"headers", b"\xff" + b"\xff" * 8),
              (b"getheaders", struct.pack("<I", 1) + b"\x66" + b"\0" * 32 * 103), (b"tx", b"\0" * 1_000_000)]
    for command, payload in cases:
        with Peer(node.port) as peer:
            peer.shake_hands(node)
            peer.send(frame(command, payload))
            assert peer.is_hung_up(), f"{command} {len(payload)}"
    expect_healthy(network, node)


def random_bytes(network):
    """Streams, and whole frames with random insides, before and after the handshake."""
    random = seeded()
    node = mined(network)
    for turn in range(200):
        with Peer(node.port) as peer:
            if turn % 2:
                peer.shake_hands(node)
            for _ in range(random.randrange(1, 6)):
                noise = random.randbytes(random.choice((0, 1, 24, 80, 1000, 40_000)))
                whole = frame(random.choice(COMMANDS), noise)
                cut = random.choice((len(whole), random.randrange(len(whole))))
                if not peer.send(noise if random.random() < 0.2 else whole[:cut]):
                    break
        for _ in range(2):
            with Peer(node.rpc_port) as client:
                verb = random.choice((b"POST / HTTP/1.1\r\n", b"GET /", b"", b"\x16\x03\x01"))
                client.send(verb + random.randbytes(random.randrange(2000)))
    expect_healthy(network, node)


def half_open_peers(network):
    """Peers that say nothing, or a byte now and then, or promise blocks that they do not send."""
    node = mined(network)
    before = memory_mb(node)
    version = frame(b"version", version_of(node))
    promise = frame(b"block", length=BLOCK_MAX)
    waiting = [Peer(node.port) for _ in range(150)]
    wait_until(lambda: node.getconnectioncount() == 117, what="the most peers that may come")
    for turn in range(24):
        for place, peer in enumerate(waiting[:117]):
            stream = (b"", version[turn:turn + 1], promise[turn:turn + 1])[place % 3]
            assert peer.send(stream), "a slow peer lost its place at once"
    expect_equal(node.getconnectioncount(), 117)
    assert waiting[149].is_hung_up(), "one more than the most was taken"
    node.generatetoaddress(1, node.getnewaddress())
    assert memory_mb(node) < before + 64, "promises cost memory"
    for peer in waiting:
        peer.socket.close()
    wait_until(lambda: node.getconnectioncount() == 0, what="the peers to go")
    expect_healthy(network, node)


def half_open_clients(network):
    """Requests that begin and never end do not hold up the ones that do."""
    node = mined(network)
    waiting = [Peer(node.rpc_port) for _ in range(100)]
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    for turn in range(len(body)):
        for place, client in enumerate(waiting):
            assert client.send((b"", body[turn:turn + 1])[place % 2]), "a slow client was cut off at once"
        expect_equal(node.getblockcount(), 5)
    waiting += [Peer(node.rpc_port) for _ in range(400)]  # beyond what the server keeps
    for client in waiting:
        client.socket.close()

    def answers():
        try:
            return node.getblockcount() == 5
        except (OSError, http.client.HTTPException, RpcError):
            return False
    wait_until(answers, what="an answer after the flood")
    expect_healthy(network, node)


if __name__ == "__main__":
    main(frames_that_end_a_connection, frames_that_are_ignored, malformed_payloads_end_a_connection, random_bytes,
         half_open_peers, half_open_clients)
