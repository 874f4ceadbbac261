"""Starts real daidd processes on random ports in temporary directories, and talks to them as any client would.

A test is a program: it defines functions and calls main(). Only the standard library is used. DAIDD_BIN names the
folder of the programs (build/bin unless set)."""
import base64
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("DAIDD_BIN", ROOT / "build" / "bin"))
START_S = 60
STOP_S = 30


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


_held_ports = []


def free_port():
    """A port where nobody listens and that is ours until this process ends: bound, so that the system gives it to
    nobody else meanwhile, and not listening, so that SO_REUSEADDR lets our own node listen there (again and again)."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _held_ports.append(held)
    return held.getsockname()[1]


def wait_until(condition, timeout=60, what="the condition", pause=0.05):
    """Calls until the answer is true, and returns it."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    raise AssertionError(f"waited {timeout} s for {what}")


def seeded():
    """Randomness that a failure can be repeated with: DAIDD_TEST_SEED sets the seed that is printed."""
    seed = int(os.environ.get("DAIDD_TEST_SEED") or random.SystemRandom().getrandbits(32))
    print(f"DAIDD_TEST_SEED={seed}", flush=True)
    return random.Random(seed)


class Node:
    """One daidd. Its RPC methods are methods: node.getblockcount(), node.getblock(hash, 2), node.help(command="x")."""

    def __init__(self, directory, *, chain="-regtest", network="regtest", args=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.chain = chain
        self.network = network
        self.args = list(args)
        self.env = {}
        self.rpc_port = free_port()
        self.port = free_port()
        self.process = None
        self.wallet = None

    @property
    def cookie_file(self):
        return self.directory / self.network / ".cookie"

    @property
    def log_file(self):
        return self.directory / self.network / "debug.log"

    def command(self, *extra):
        return [str(BIN / "daidd"), self.chain, f"-datadir={self.directory}", f"-rpcport={self.rpc_port}",
                f"-port={self.port}", *self.args, *extra]

    def start(self, *extra, wait=True):
        assert self.process is None, "already running"
        self.output = open(self.directory / "output.txt", "ab")
        self.process = subprocess.Popen(self.command(*extra), stdout=self.output, stderr=subprocess.STDOUT,
                                        env={**os.environ, **self.env})
        if wait:
            self.wait_for_rpc()
        return self

    def wait_for_rpc(self, timeout=START_S):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"daidd ended with {self.process.returncode}:\n{self.tail()}")
            try:
                self.getblockcount()
                return True
            except RpcError as error:
                if error.code != -28:
                    raise
            except (OSError, http.client.HTTPException, PermissionError):
                pass
            return False
        wait_until(ready, timeout, "RPC to answer")

    def stop(self):
        """By RPC; returns the exit code."""
        self.call("stop")
        return self.wait_for_end()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait_for_end()

    def kill(self):
        """kill -9."""
        self.process.kill()
        return self.wait_for_end()

    def wait_for_end(self, timeout=STOP_S):
        code = self.process.wait(timeout)
        self.process = None
        self.output.close()
        return code

    def tail(self, size=3000):
        path = self.directory / "output.txt"
        return path.read_text(errors="replace")[-size:] if path.exists() else ""

    def auth(self):
        return "Basic " + base64.b64encode(self.cookie_file.read_bytes().strip()).decode()

    def post(self, body, path="/", headers=None, timeout=600):
        """(status, body text) of a raw request, with the cookie unless `headers` says otherwise."""
        if headers is None:
            headers = {"Authorization": self.auth(), "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.rpc_port, timeout=timeout)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def call(self, method, *args, **named):
        assert not (args and named)
        path = "/" if self.wallet is None else f"/wallet/{self.wallet}"
        request = {"jsonrpc": "1.0", "id": 0, "method": method, "params": named if named else list(args)}
        status, text = self.post(json.dumps(request, default=str), path)
        try:
            answer = json.loads(text, parse_float=Decimal)
        except ValueError:
            raise AssertionError(f"HTTP {status}: {text[:300]}") from None
        if answer["error"] is not None:
            raise RpcError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **named: self.call(name, *args, **named)

    def cli(self, *args, stdin=None, timeout=600):
        """Runs dai-cli against this node: (exit code, output, errors)."""
        command = [str(BIN / "dai-cli"), self.chain, f"-datadir={self.directory}", f"-rpcport={self.rpc_port}", *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        return done.returncode, done.stdout, done.stderr


class Network:
    """A temporary directory with its nodes; every process it started is ended when it goes."""

    def __init__(self, keep=False):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="daidd-test-"))
        self.keep = keep
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for node in self.nodes:
            if kind is not None:
                print(f"--- output of {node.directory.name}\n{node.tail()}", file=sys.stderr)
            if node.process is not None:
                node.kill()
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def add(self, *args, start=True, **options):
        """A new node, started unless told otherwise. `args` go to daidd at every start."""
        node = Node(self.directory / f"node{len(self.nodes)}", args=args, **options)
        self.nodes.append(node)
        return node.start() if start else node

    def connect(self, a, b):
        a.addnode(f"127.0.0.1:{b.port}", "onetry")
        wait_until(lambda: a.getconnectioncount() > 0 and b.getconnectioncount() > 0, what="a connection")

    def sync(self, nodes=None, timeout=120):
        """Waits until all nodes have the same tip."""
        nodes = nodes or self.nodes
        wait_until(lambda: len({node.getbestblockhash() for node in nodes}) == 1, timeout, "one tip")


def expect_error(code, message, function, *args, **named):
    """The call must fail with this code and a message that contains this text."""
    try:
        answer = function(*args, **named)
    except RpcError as error:
        assert error.code == code and message in error.message, f"{error.code}: {error.message}, not {code}: {message}"
        return error
    raise AssertionError(f"answered {answer!r} instead of error {code}")


def expect_equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def main(*tests):
    """Runs each test with a fresh Network; the exit code says whether all passed."""
    failed = 0
    for test in tests:
        begun = time.monotonic()
        try:
            with Network() as network:
                test(network)
        except Exception:  # noqa: BLE001: whatever went wrong is this test's failure
            traceback.print_exc()
            failed += 1
            print(f"FAILED {test.__name__}")
        else:
            print(f"passed {test.__name__} ({time.monotonic() - begun:.1f} s)")
    sys.exit(1 if failed else 0)
