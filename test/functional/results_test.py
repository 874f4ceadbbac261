"""Jobs that ask for a result instead of an answer: paid for, worked out, run again elsewhere, and found when spoiled."""
import json
from decimal import Decimal

from framework import expect_equal, expect_error, main, wait_until

TEXT = "The quick brown fox jumps over the lazy dog."


def pair(network):
    """One node that serves and mines, and another that has the model and does neither."""
    worker = network.add("-mine")
    worker.generatetoaddress(22, worker.getnewaddress())
    judge = network.add("-serve=0", "-verifywork=0")
    network.connect(worker, judge)
    return worker, judge


def answered(network, worker, judge, prompt, options):
    """The job's id, once both nodes have its receipt in a block."""
    job = worker.submitjob(prompt, options)["job"]
    wait_until(lambda: worker.getjob(job)["status"] in ("answered", "settled"), 120, "the receipt")
    height = worker.getjob(job)["answered_height"]
    wait_until(lambda: judge.getblockcount() >= height, 120, "the receipt's block at the other node")
    return job


def spoiled(receipt, at):
    """The receipt as getreceipt gave it, with one byte of its result changed."""
    kept = dict(receipt)
    command = bytearray.fromhex(kept["receipt_command"])
    command[32 + 32 + 2 + at] ^= 1  # behind job, worker, the count of no tokens and that of the result's bytes
    kept["receipt_command"] = command.hex()
    return json.loads(json.dumps(kept, default=str))


def check(worker, judge, job, kind, prompt_tokens):
    """What every kind has in common; the receipt."""
    shown = worker.getjob(job)
    expect_equal((shown["kind"], shown["max_tokens"], shown["prompt_tokens"]), (kind, 0, prompt_tokens))
    assert "answer" not in shown
    price = worker.getmodelinfo()["prefill_price"]
    expect_equal((shown["cost"], shown["escrow"]), (price * prompt_tokens, price * prompt_tokens))
    receipt = judge.getreceipt(shown["receipt"])
    expect_equal((receipt["kind"], receipt["result"]), (kind, shown["result"]))
    expect_equal([job["result"] for job in worker.listjobs() if job["job"] == shown["job"]], [shown["result"]])
    verdict = judge.verifyreceipt(shown["receipt"])
    expect_equal((verdict["rerun"], verdict["valid"], verdict["in_chain"]), ("identical", True, True))
    return receipt


def expect_different(judge, receipt, at, difference):
    verdict = judge.verifyreceipt(spoiled(receipt, at))
    expect_equal((verdict["rerun"], verdict["valid"], verdict["in_chain"], verdict["signature_valid"]),
                 ("different", False, False, False))
    expect_equal((verdict["first_difference"], verdict["expected_result"]), (difference, receipt["result"]))


def evaluates(network):
    worker, judge = pair(network)
    job = answered(network, worker, judge, TEXT, {"kind": "eval"})
    receipt = check(worker, judge, job, "eval", len(TEXT))
    result = receipt["result"]
    expect_equal(result["tokens"], len(TEXT) - 1)
    by_hand = 2 ** (result["loss"] / 65536 / result["tokens"])
    assert abs(by_hand - float(result["perplexity"])) < 1e-4 * by_hand, result
    expect_different(judge, receipt, 0, "loss")
    expect_different(judge, receipt, 8, "tokens")


def embeds(network):
    worker, judge = pair(network)
    job = answered(network, worker, judge, TEXT, {"kind": "embed"})
    receipt = check(worker, judge, job, "embed", len(TEXT))
    result = receipt["result"]
    expect_equal(len(result["codes"]), worker.getmodelinfo()["models"][0]["dim"])
    length = sum(code * code for code in result["codes"]) ** 0.5 * result["mantissa"] / 2 ** (14 + result["exponent"])
    assert 0.99 < length < 1.01, length
    expect_different(judge, receipt, 1 + 17, "codes[17]")  # behind their count
    expect_different(judge, receipt, 1 + len(result["codes"]), "mantissa")


def indexes(network):
    worker, judge = pair(network)
    texts = [TEXT, "A quick brown dog jumps over the lazy fox.", "Bread is baked from flour, water and salt."]
    job = answered(network, worker, judge, texts, {"kind": "index"})
    receipt = check(worker, judge, job, "index", sum(len(text) + 1 for text in texts))
    expect_equal(receipt["result"]["rows"], len(texts))
    expect_equal(receipt["prompt_tokens"][0], receipt["prompt_tokens"][len(TEXT) + 1])
    expect_different(judge, receipt, 0, "rows")
    expect_different(judge, receipt, 4, "root")
    # Tokens as they are say the same, whatever separates them.
    separator = receipt["prompt_tokens"][0]
    tokens = [7 if token == separator else token for token in receipt["prompt_tokens"]]
    again = answered(network, worker, judge, tokens, {"kind": "index"})
    expect_equal(worker.getjob(again)["result"], receipt["result"])


def command_line(network):
    worker, _ = pair(network)
    first, second = worker.directory / "a.txt", worker.directory / "b.txt"
    first.write_text(TEXT)
    second.write_text("Bread is baked from flour.")
    code, output, errors = worker.cli("eval", str(first), timeout=120)
    expect_equal(code, 0)
    result = json.loads(output, parse_float=Decimal)
    expect_equal(sorted(result), ["loss", "perplexity", "tokens"])
    assert "receipt" in errors
    code, output, _ = worker.cli("index", str(first), str(second), "-json", timeout=120)
    expect_equal(code, 0)
    answer = json.loads(output, parse_float=Decimal)
    expect_equal(sorted(answer), ["cost", "job", "receipt", "result"])
    expect_equal((answer["result"]["rows"], worker.getjob(answer["job"])["result"]), (2, answer["result"]))
    code, output, _ = worker.cli("embed", str(second), "-dryrun")
    expect_equal((code, json.loads(output)["prompt_tokens"]), (0, len(second.read_text())))
    for words in (("embed",), ("embed", str(first), str(second)), ("eval", str(worker.directory / "none"))):
        code, output, errors = worker.cli(*words)
        expect_equal((code, output), (1, ""))
        assert errors.startswith("error: "), errors


def refuses(network):
    worker, _ = pair(network)
    for options in ({"kind": "train"}, {"kind": "none"}, {"kind": 1}, {"kind": "eval", "max_tokens": 1},
                    {"kind": "embed", "temperature": 0}, {"kind": "index", "min_p": 0}, {"kind": "eval", "seed": 0},
                    {"kind": "eval", "system": ""}, {"kind": "eval", "raw": True}):
        expect_error(-3 if options["kind"] == 1 else -8, "", worker.submitjob, TEXT, options)
    expect_error(-8, "too short", worker.submitjob, "a", {"kind": "eval"})
    expect_error(-8, "A document is empty", worker.submitjob, ["a", ""], {"kind": "index"})
    expect_error(-8, "no document", worker.submitjob, [5, 5, 5], {"kind": "index"})
    expect_error(-3, "", worker.submitjob, ["a", 5], {"kind": "index"})
    expect_error(-3, "", worker.submitjob, ["a"], {"kind": "embed"})
    context = worker.getmodelinfo()["models"][0]["context"]
    for kind in ("infer", "eval", "embed", "index"):
        expect_error(-8, "the model's context is", worker.submitjob, "a" * (context + 1), {"kind": kind})
    dry = worker.submitjob("a" * context, {"kind": "eval", "dry_run": True})
    expect_equal((dry["prompt_tokens"], dry["max_tokens"]), (context, 0))
    expect_equal(dry["spend"], worker.getmodelinfo()["prefill_price"] * context)
    assert isinstance(dry["fee"], Decimal) and dry["largest_loss"] == dry["spend"] + dry["fee"]
    expect_equal(worker.listjobs(), [])


if __name__ == "__main__":
    main(evaluates, embeds, indexes, command_line, refuses)
