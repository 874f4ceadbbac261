"""dai-cli against a real node, with bitcoin-cli's manners."""
import json
import threading
import time

from framework import expect_equal, main


def conversions_match(network):
    """dai-cli must know exactly the arguments that the node does not want as text."""
    node = network.add()
    for method, position, name, is_text in node.help("dump_all_command_conversions"):
        words = ["-named", method, f"{name}=not json"]
        code, _, errors = node.cli(*words)
        refused_here = "Error parsing JSON" in errors
        assert refused_here == (not is_text), f"{method} {position} {name}: text for the node: {is_text}"
        assert code != 0 or is_text


def answers_and_errors(network):
    node = network.add()
    expect_equal(node.cli("getblockcount"), (0, "0\n", ""))
    expect_equal(node.cli("getblockhash", "0")[1].strip(), node.getblockhash(0))
    code, output, errors = node.cli("getblockhash", "7")
    expect_equal((code, output), (8, ""))
    assert errors.startswith("error code: -8\nerror message:\nBlock height out of range"), errors
    code, output, _ = node.cli("getblockchaininfo")
    expect_equal(code, 0)
    expect_equal(json.loads(output)["chain"], "regtest")
    assert output.startswith('{\n  "chain": "regtest"')
    expect_equal(node.cli("-named", "getblockhash", "height=0")[1].strip(), node.getblockhash(0))
    expect_equal(node.cli("-stdin", "getblockhash", stdin="0\n")[1].strip(), node.getblockhash(0))
    assert "Blocks: 0" in node.cli("-getinfo")[1]
    assert "Total: 0" in node.cli("-netinfo")[1]
    expect_equal(node.cli("-rpcpassword=wrong", "getblockcount")[0], 1)
    expect_equal(node.cli()[0], 1)
    expect_equal(node.cli("stop")[1], "daidd stopping\n")
    expect_equal(node.wait_for_end(), 0)
    code, _, errors = node.cli("getblockcount")
    expect_equal(code, 1)
    assert "cookie" in errors or "Could not connect" in errors, errors


def waits_for_the_node(network):
    node = network.add(start=False)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(node.cli("-rpcwait", "-rpcwaittimeout=60", "getblockcount")))
    waiter.start()
    time.sleep(1)
    assert not answers
    node.start()
    waiter.join()
    expect_equal(answers, [(0, "0\n", "")])


if __name__ == "__main__":
    main(conversions_match, answers_and_errors, waits_for_the_node)
