"""A question travels from the command line into verified blocks, on regtest's generated model."""
import json
import time
from decimal import Decimal

from framework import expect_equal, expect_error, main, wait_until


def serving(network, blocks=22):
    node = network.add("-mine")  # makes the wallet 'default', as there is none
    node.generatetoaddress(blocks, node.getnewaddress())
    return node


def ask(network):
    node = serving(network)
    code, output, errors = node.cli("chat", "hello", "-dryrun", "-max-tokens=8")
    expect_equal((code, errors), (0, ""))
    dry = json.loads(output, parse_float=Decimal)
    assert dry["largest_loss"] == dry["spend"] + dry["fee"]
    expect_equal(node.listjobs(), [])

    code, output, errors = node.cli("ask", "hello", "-json", "-max-tokens=8", timeout=120)
    expect_equal(code, 0)
    answer = json.loads(output, parse_float=Decimal)
    expect_equal(sorted(answer), ["answer", "cost", "job", "receipt"])
    job = node.getjob(answer["job"])
    assert job["status"] in ("answered", "settled")
    expect_equal((job["answer"], job["receipt"], job["cost"]), (answer["answer"], answer["receipt"], answer["cost"]))
    assert job["cost"] <= job["escrow"] == dry["spend"]
    expect_equal(node.listjobs()[0]["job"], answer["job"])

    receipt = node.getreceipt(answer["receipt"])
    expect_equal(receipt["worker_share"] + receipt["treasury_share"], receipt["cost"])
    verdict = node.verifyreceipt(answer["receipt"])
    expect_equal((verdict["rerun"], verdict["valid"], verdict["in_chain"]), ("identical", True, True))

    # One byte of the stored answer changes, and both the signature and the second run tell.
    kept = dict(receipt)
    command = bytearray.fromhex(kept["receipt_command"])
    command[32 + 32 + 1] ^= 1
    kept["receipt_command"] = command.hex()
    path = node.directory / "receipt.json"
    path.write_text(json.dumps(kept, default=str))
    code, output, _ = node.cli("verifyreceipt", str(path))
    expect_equal(code, 0)
    verdict = json.loads(output)
    expect_equal((verdict["rerun"], verdict["valid"], verdict["signature_valid"]), ("different", False, False))
    expect_equal(verdict["first_difference"], 0)


def explains_missing_funds(network):
    node = network.add("-serve=0")
    node.createwallet("w")
    code, output, errors = node.cli("chat", "hello")
    expect_equal((code, output), (6, ""))
    assert errors.endswith("Insufficient funds\n"), errors
    node.generatetoaddress(1, node.getnewaddress())
    code, _, errors = node.cli("chat", "hello")
    expect_equal(code, 6)
    assert errors.endswith("The wallet has 28.00000000 DAI that is not mature yet; wait for some blocks.\n"), errors


def settles(network):
    node = serving(network)
    before = node.gettreasuryinfo()
    _, output, _ = node.cli("ask", "hello", "-json", "-max-tokens=4", timeout=120)
    answer = json.loads(output)
    wait_until(lambda: node.getjob(answer["job"])["status"] == "settled", 120, "the settlement")
    receipt = node.getreceipt(answer["receipt"])
    assert receipt["settled"]
    expect_equal(node.gettreasuryinfo()["from_fees"] - before["from_fees"], receipt["treasury_share"])


def refunds(network):
    """Nobody answers: at the deadline the escrow comes back by a coinbase."""
    node = serving(network)
    node.stop()
    node.args = ["-serve=0"]
    node.start()
    node.generatetoaddress(1, node.getnewaddress())
    submitted = node.submitjob("hello", {"deadline_blocks": 3, "max_tokens": 4})
    expect_equal(node.getjob(submitted["job"])["status"], "pending")
    node.generatetoaddress(1, node.getnewaddress())
    expect_equal(node.getjob(submitted["job"])["status"], "open")
    last = node.generatetoaddress(4, node.getnewaddress())[-1]
    job = node.getjob(submitted["job"])
    expect_equal(job["status"], "refunded")
    paid = [output for height in range(job["height"], node.getblockcount() + 1)
            for output in node.getblock(node.getblockhash(height), 2)["tx"][0]["vout"]
            if output["scriptPubKey"].get("address") == job["refund_address"]]
    expect_equal([output["value"] for output in paid], [submitted["escrow"]])
    assert last == node.getbestblockhash()


def refused(network):
    node = serving(network)
    for options in ({"max_tokens": 0}, {"max_tokens": 10 ** 9}, {"temperature": 9}, {"temperature": "1"}, {"min_p": 2},
                    {"seed": -1}, {"model": "none"}, {"other": 1}, {"deadline_blocks": 0}):
        expect_error(-8, "", node.submitjob, "hello", options)
    expect_error(-3, "", node.submitjob, 7)
    expect_error(-8, "The prompt is empty", node.submitjob, [])
    expect_error(-8, "is not in the vocabulary", node.submitjob, [2 ** 31])
    expect_error(-8, "more than", node.submitjob, "x" * 100_000)
    expect_error(-5, "No such job", node.getjob, "00" * 32)
    expect_error(-5, "No such receipt", node.getreceipt, "00" * 32)
    expect_error(-6, "Insufficient funds", node.submitjob, "hello", {"escrow": 80_000_000})
    expect_equal(node.listjobs(), [])


def seals(network):
    node = serving(network)
    other = network.add()
    network.connect(node, other)
    network.sync()
    for block in (node.getbestblockhash(), node.getblockhash(5)):
        seal = node.getseal(block)
        expect_equal(len(seal["units"]), 3 if seal["seq"] > 1 else 2)
        verdict = other.verifyseal(block)
        expect_equal((verdict["seal_valid"], verdict["rerun"]), (True, "identical"))
        expect_equal([unit["op_roots"] for unit in verdict["units"]], [unit["op_roots"] for unit in seal["units"]])
        expect_equal(node.verifyseal(block, False).get("rerun"), None)
    expect_error(-8, "genesis", node.getseal, node.getblockhash(0))
    units = node.getusefulness()["units_by_content"]
    assert units["corpus"]["units"] + units["receipt"]["units"] > 0
    models = node.getmodelinfo()["models"]
    assert models[0]["loaded"] and models[0]["root"] == node.getseal(node.getbestblockhash())["model"]
    begun = time.monotonic()
    node.verifyseal(node.getbestblockhash(), False)
    assert time.monotonic() - begun < 5


if __name__ == "__main__":
    main(ask, explains_missing_funds, settles, refunds, refused, seals)
