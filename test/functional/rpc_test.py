"""The manners of the RPC server: authentication, versions, errors, limits, warm-up."""
import base64
import http.client
import json
import socket
import subprocess
import threading
import time

from framework import Node, RpcError, expect_equal, expect_error, main, wait_until


def code_of(node, body):
    return json.loads(node.post(body)[1])["error"]["code"]


def authentication(network):
    node = network.add()
    mode = node.cookie_file.stat().st_mode & 0o777
    expect_equal(oct(mode), oct(0o600))
    body = json.dumps({"method": "uptime"})
    expect_equal(node.post(body)[0], 200)
    expect_equal(node.post(body, headers={})[0], 401)
    wrong = "Basic " + base64.b64encode(b"__cookie__:" + b"0" * 64).decode()
    begun = time.monotonic()
    expect_equal(node.post(body, headers={"Authorization": wrong})[0], 401)
    assert time.monotonic() - begun >= 0.25

    # Guessing does not lock out who knows the password.
    guessers = [threading.Thread(target=node.post, args=(body, "/", {"Authorization": wrong})) for _ in range(20)]
    for guesser in guessers:
        guesser.start()
    begun = time.monotonic()
    expect_equal(node.post(body)[0], 200)
    assert time.monotonic() - begun < 0.25, "a guesser held up a user"
    for guesser in guessers:
        guesser.join()

    first = node.cookie_file.read_bytes()
    expect_equal(node.stop(), 0)
    assert not node.cookie_file.exists(), "the cookie outlived its node"
    node.start()
    assert node.cookie_file.read_bytes() != first


def bad_requests(network):
    node = network.add()
    for body in ("", "{", "7", '{"method":"stop","method":"stop"}', '{"method":"uptime","params":[NaN]}', "[" * 200_000,
                 '{"method":"uptime","params":[1e400]}', '{"method":"\\ud800"}'):
        expect_equal(code_of(node, body), -32700)
    expect_equal(code_of(node, "{}"), -32600)
    expect_equal(code_of(node, "[" + "0," * 999_999 + "0]"), -32600)
    expect_equal(node.post('{"method":"nonsense"}')[0], 404)
    expect_equal(node.post("{}", "/elsewhere")[0], 404)
    expect_error(-32601, "Method not found", node.nonsense)
    expect_error(-32601, "not available yet: partially signed transactions", node.createpsbt)
    expect_error(-3, "Position 1 (height)", node.getblockhash, "0")
    expect_error(-1, 'getblockhash height', node.getblockhash)
    expect_error(-8, "Unknown named parameter hight", node.call, "getblockhash", hight=1)
    expect_equal(node.call("getblockhash", height=0), node.getblockhash(0))
    answers = json.loads(node.post('[{"jsonrpc":"2.0","method":"getblockcount","id":1},{"jsonrpc":"2.0","method":"x",'
                                   '"id":2},{"jsonrpc":"2.0","method":"getblockcount"}]')[1])
    expect_equal([answer["id"] for answer in answers], [1, 2])
    assert "result" in answers[0] and "error" not in answers[0]


def large_bodies(network):
    node = network.add()
    status, _ = node.post(json.dumps({"method": "help", "params": ["x" * (32 << 20)]}))
    expect_equal(status, 413)
    connection = http.client.HTTPConnection("127.0.0.1", node.rpc_port, timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(10 ** 12))
    connection.endheaders()
    expect_equal(connection.getresponse().status, 413)
    connection.close()
    assert node.getblockcount() == 0


def idle_connections(network):
    """More connections than a server keeps must not stop it once they are gone."""
    node = network.add()
    idle = [socket.create_connection(("127.0.0.1", node.rpc_port)) for _ in range(600)]
    for connection in idle:
        connection.close()

    def answers():
        try:
            return node.getblockcount() == 0
        except (OSError, http.client.HTTPException, RpcError):
            return False
    wait_until(answers, 10, "an answer after the flood")


def help_names_every_method(network):
    node = network.add()
    lines = [line for line in node.help().splitlines() if line and not line.startswith("==")]
    assert len(lines) > 50
    for line in lines:
        name = line.split()[0]
        text = node.help(name)
        expect_equal(text.splitlines()[0], line)
    expect_equal(node.help("nonsense"), "help: unknown command: nonsense")
    info = node.getrpcinfo()
    expect_equal(info["active_commands"][0]["method"], "getrpcinfo")
    assert info["logpath"].endswith("debug.log")


def a_second_node_is_refused(network):
    node = network.add()
    other = Node(node.directory, args=[])
    done = subprocess.run(other.command(), capture_output=True, text=True, timeout=20, check=False)
    expect_equal(done.returncode, 1)
    assert "Cannot obtain a lock on data directory" in done.stdout + done.stderr, done.stderr
    assert node.getblockcount() == 0


def stops(network):
    node = network.add()
    expect_equal(node.call("stop"), "daidd stopping")
    expect_equal(node.wait_for_end(), 0)
    node.start()
    expect_equal(node.terminate(), 0)
    node.start()
    node.kill()
    node.start()  # what a killed node left behind does not stop the next


if __name__ == "__main__":
    main(authentication, bad_requests, large_bodies, idle_connections, help_names_every_method, a_second_node_is_refused,
         stops)
