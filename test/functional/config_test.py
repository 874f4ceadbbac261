"""Configuration: strict, checked before anything is written, and what start and stop promise."""
import json
import os
import pathlib
import signal
import subprocess

from framework import BIN, Node, expect_equal, expect_error, main, wait_until

CONF = "dai.conf"


def daidd(*args, cwd=None):
    """Runs daidd to its end: (exit code, all it printed)."""
    done = subprocess.run([str(BIN / "daidd"), *map(str, args)], capture_output=True, text=True, timeout=60, check=False,
                          cwd=cwd)
    return done.returncode, done.stdout + done.stderr


def expect_refused(place, words, *args):
    """Exit 1, with these words, and nothing in `place` that was not there."""
    before = sorted(place.rglob("*")) if place.exists() else None
    code, output = daidd(*args)
    expect_equal(code, 1)
    assert output.startswith("Error: ") and words in output, f"{words!r} is not in {output!r}"
    expect_equal(sorted(place.rglob("*")) if place.exists() else None, before)


def regtest_needs_no_file(network):
    node = network.add()
    assert not (node.directory / CONF).exists()
    expect_equal(node.getblockchaininfo()["chain"], "regtest")
    expect_equal(node.stop(), 0)
    # Nor a directory, nor anything but a home.
    home = network.directory / "home"
    node = Node(home / ".dai", args=[])
    node.env = {"HOME": str(home)}
    network.nodes.append(node)
    node.command = lambda *_: [str(BIN / "daidd"), "-regtest", f"-rpcport={node.rpc_port}", f"-port={node.port}"]
    node.start()
    expect_equal(node.getblockcount(), 0)
    expect_equal(node.terminate(), 0)


# Each: dai.conf, the line that is wrong, and what is said of it.
WRONG_FILES = [
    ("unknown=1", 1, "unknown option 'unknown'"),
    ("\n# a comment\n  rpcprt = 1", 3, "unknown option 'rpcprt'"),
    ("[main]\nunknown=1", 2, "unknown option 'unknown'"),
    ("conf=other", 1, "unknown option 'conf'"),
    ("=1", 1, "unknown option ''"),
    ("debug=1\ndebug=1", 2, "option 'debug' is given twice"),
    ("debug=1\n[regtest]\ndebug=0", 3, "option 'debug' is given twice"),
    ("threads=", 1, "threads: must be a number from 0 to 256, not ''"),
    ("threads=257", 1, "threads: must be a number"),
    ("threads=-1", 1, "threads: must be a number"),
    ("rpcport=65536", 1, "rpcport: must be a number from 0 to 65535"),
    ("[regtest]\nport = 1x", 2, "port: must be a number"),
    ("mine=yes", 1, "mine: must be 0 or 1, not 'yes'"),
    ("mine=", 1, "mine: must be 0 or 1, not ''"),
    ("model=", 1, "model: must not be empty"),
    ("connect=nowhere", 1, "connect: must be HOST:PORT, not 'nowhere'"),
    ("mine", 1, "a setting is written key=value"),
    ("[regtest", 1, "a section is written [name]"),
    ("[]", 1, "a section is written [name]"),
    ("debug=1\n[regtset]\nmine=1", 2, "no network is called 'regtset'"),
    ("[regtest]\nchain=regtest", 2, "chain: a network is not chosen in a section"),
    ("chain=regtest\nregtest=1", 2, "regtest: the network is given twice"),
]


def wrong_files_are_refused_with_their_line(network):
    for number, (text, line, words) in enumerate(WRONG_FILES):
        place = network.directory / f"wrong{number}"
        place.mkdir()
        (place / CONF).write_text(text + "\n")
        expect_refused(place, f"{place / CONF}:{line}: {words}", "-regtest", f"-datadir={place}")
        expect_refused(place, f":{line}: {words}", "-regtest", f"-datadir={place}", "-checkconfig")
    place = network.directory / "place"
    expect_refused(place, "-conf: must not be empty", "-regtest", f"-datadir={place}", "-conf=")
    expect_refused(place, "cannot be read", "-regtest", f"-datadir={place}", "-conf=nowhere.conf")
    expect_refused(place, "cannot be read", "-regtest", f"-datadir={place}", f"-conf={network.directory}")


def wrong_command_lines_are_refused(network):
    place = network.directory / "place"
    for words, *args in (("unknown option 'nonsense'", "-nonsense"), ("unexpected argument 'regtest'", "regtest"),
                         ("'rpcport' is given twice", "-rpcport=1", "-rpcport=2"), ("'conf' is given twice", "-conf=a",
                                                                                   "-conf=b"),
                         ("the network is given twice", "-chain=test"), ("threads: must be a number", "-threads="),
                         ("-mineaddress: 'x' is not an address", "-mineaddress=x"),
                         ("-mineaddress: 'dai1x' is not an address", "-mineaddress=dai1x", "-checkconfig")):
        expect_refused(place, words, "-regtest", f"-datadir={place}", *args)
    for chain in ("main", "test"):
        expect_refused(place, f"network '{chain}' has no base model yet", f"-chain={chain}", f"-datadir={place}")
    expect_refused(place, "network 'main' has no base model yet", f"-datadir={place}")


def sections_count_for_their_network(network):
    node = network.add(start=False)
    other = network.add(start=False)
    (node.directory / CONF).write_text(
        f"regtest = 1\n[test]\nport=1\nrpcport=1\n# comment\n[regtest]\nrpcport={other.rpc_port}\nport = {other.port}\n"
        f"printtoconsole=0\n")
    # Without a word on the command line but the directory; then the command line wins.
    start = node.command()
    node.command = lambda *_: [start[0], f"-datadir={node.directory}"]
    node.rpc_port, was = other.rpc_port, node.rpc_port
    node.start()
    expect_equal(node.getnetworkinfo()["localaddresses"][0]["port"], other.port)
    expect_equal(node.stop(), 0)
    node.command = lambda *_: start
    node.rpc_port = was
    node.start()
    expect_equal(node.getnetworkinfo()["localaddresses"][0]["port"], node.port)


def checkconfig_writes_nothing(network):
    place = network.directory / "place"
    expect_equal(daidd("-regtest", f"-datadir={place}", "-checkconfig"), (0, ""))
    conf = network.directory / "some.conf"
    conf.write_text("mine=1\n[main]\nthreads=2\n")
    expect_equal(daidd("-regtest", f"-datadir={place}", f"-conf={conf}", "-checkconfig"), (0, ""))
    assert not place.exists()
    code, output = daidd("-help")
    expect_equal(code, 0)
    for key in ("-regtest", "-conf=FILE", "-checkconfig", "-connect=HOST:PORT"):
        assert f"\n  {key} " in output, key
    code, output = daidd("-version")
    expect_equal((code, output.split()[0]), (0, "daidd"))


def second_daidd_is_refused(network):
    node = network.add()
    cookie = node.cookie_file.read_bytes()
    second = Node(node.directory, args=[])
    code, output = daidd(*second.command()[1:])
    expect_equal(code, 1)
    assert f"Cannot obtain a lock on data directory {node.directory / 'regtest'}" in output, output
    expect_equal(node.cookie_file.read_bytes(), cookie)
    expect_equal(node.getblockcount(), 0)
    # A port that is taken is another matter, and says so.
    for option, port in (("rpcport", node.rpc_port), ("port", node.port)):
        third = network.add(start=False)
        setattr(third, {"rpcport": "rpc_port", "port": "port"}[option], port)
        code, output = daidd(*third.command()[1:])
        expect_equal(code, 1)
        assert f"Error: -{option}: " in output and "in use" in output, output
        assert not third.cookie_file.exists()


# Each: what is spoiled in a good spec, and what is said of it.
WRONG_SPECS = [
    ("unknown", 1, "unknown: unknown key"),
    ("base", "other", "base: must be main, test or regtest, not 'other'"),
    ("base", None, "spec.base: missing"),
    ("magic", -1, "magic: must be a whole number, not negative"),
    ("magic", "1", "magic: must be a whole number"),
    ("magic", 2 ** 32, "magic: too large"),
    ("magic", 0, "magic: must not be 0"),
    ("retarget", 1, "retarget: must be true or false"),
    ("name", "Upper", "name: 1 to 64 of a-z, 0-9 and -"),
    ("maturity", 16, "maturity: must exceed challenge_window + 2 reply_window"),
    ("kind_weights", [1, 2], "kind_weights: must be 3 numbers"),
    ("models", [], "models: the chain has no base model"),
    ("models", [{"name": "x"}], "models[0].root: missing"),
    ("corpora", {}, "corpora: must be a list"),
]


def chain_specs(network):
    good = {"base": "regtest", "name": "other", "hrp": "odai", "subsidy": 100_000_000, "maturity": 17}
    spec = network.directory / "other.json"
    spec.write_text(json.dumps(good))
    node = network.add(chain=f"-chain={spec}", network="other")
    expect_equal(node.getblockchaininfo()["chain"], "other")
    node.createwallet("w")
    address = node.getnewaddress()
    assert address.startswith("odai1"), address
    node.generatetoaddress(18, address)
    expect_equal(str(node.getbalance()), "0.70000000")
    expect_error(-5, "Invalid address", node.generatetoaddress, 1, "rdai1qqqq")
    genesis = node.getblockhash(0)
    expect_equal(node.stop(), 0)

    # Other rules of the same name do not run on its database.
    spec.write_text(json.dumps({**good, "subsidy": 100_000_001}))
    code, output = daidd(*node.command()[1:])
    expect_equal(code, 1)
    assert "the database belongs to another chain: its genesis block is " + genesis in output, output
    spec.write_text(json.dumps(good))
    node.start()
    expect_equal(node.getblockcount(), 18)


def wrong_chain_specs_are_refused(network):
    place = network.directory / "place"
    spec = network.directory / "wrong.json"
    args = (f"-chain={spec}", f"-datadir={place}", "-checkconfig")
    expect_refused(place, f"-chain: {spec}: No such file", *args)
    for text, words in (("", "not JSON"), ("{", "not JSON"), ("[]", "spec: must be an object"),
                        ('{"base":"regtest","magic":1,"magic":2}', 'not JSON: member "magic" is there twice'),
                        (" " * ((1 << 20) + 1), "too large")):
        spec.write_text(text)
        expect_refused(place, f"-chain: {spec}: {words}", *args)
    good = {"base": "regtest"}
    for key, value, words in WRONG_SPECS:
        spoiled = {**good, key: value}
        if value is None:
            del spoiled[key]
        spec.write_text(json.dumps(spoiled))
        expect_refused(place, f"-chain: {spec}: {words}", *args)
    spec.write_text(json.dumps(good))
    expect_equal(daidd(*args), (0, ""))


def pid_of(node):
    """Of the one process that serves the node's directory."""
    wanted = f"-datadir={node.directory}".encode()
    found = [path.parent.name for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if wanted in words_of(path)]
    expect_equal(len(found), 1)
    return int(found[0])


def words_of(path):
    try:
        return path.read_bytes().split(b"\0")
    except OSError:  # it has ended
        return []


def daemonwait_returns_when_rpc_answers(network):
    node = network.add(start=False)
    with open(node.directory / "output.txt", "wb") as output:
        parent = subprocess.run(node.command("-daemonwait"), stdout=output, stderr=output, timeout=60, check=False)
    expect_equal(parent.returncode, 0)
    expect_equal(node.getblockcount(), 0)
    pid = pid_of(node)
    # What cannot start says so to who waits, and the one that runs is left alone.
    code, output = daidd(*node.command("-daemonwait")[1:])
    expect_equal(code, 1)
    assert "Cannot obtain a lock" in output, output
    assert os.getpgid(pid) == pid, "not detached from its terminal"
    expect_equal(node.call("stop"), "daidd stopping")
    wait_until(lambda: not node.cookie_file.exists(), what="the end")


def signals_stop_it(network):
    node = network.add("-mine")
    for number in (signal.SIGTERM, signal.SIGINT):
        node.process.send_signal(number)
        node.process.send_signal(number)  # a second one changes nothing
        expect_equal(node.wait_for_end(), 0)
        assert not node.cookie_file.exists()
        node.start()
        assert node.getblockcount() >= 0
    expect_equal(node.terminate(), 0)


def warm_up_is_told(network):
    """A model file that does not come keeps the node in its warm-up for as long as we like."""
    node = network.add(start=False)
    pipe = node.directory / "model"
    os.mkfifo(pipe)
    node.start(f"-model={pipe}", wait=False)
    wait_until(node.cookie_file.exists, what="the cookie")
    for method in ("getblockcount", "stop", "help"):
        expect_error(-28, "Loading the model...", node.call, method)
    with open(pipe, "wb"):
        expect_equal(node.wait_for_end(), 1)
    assert f"Error: -model: {pipe}: not a regular file" in node.tail(), node.tail()
    assert not node.cookie_file.exists()


if __name__ == "__main__":
    main(regtest_needs_no_file, wrong_files_are_refused_with_their_line, wrong_command_lines_are_refused,
         sections_count_for_their_network, checkconfig_writes_nothing, second_daidd_is_refused, chain_specs,
         wrong_chain_specs_are_refused, daemonwait_returns_when_rpc_answers, signals_stop_it, warm_up_is_told)
