#!/usr/bin/env python3
"""The main job, shown: on a private chain of three daidd processes, a wallet pays for a question, a worker answers it
with SmolLM2-135M in integers, the chain draws the receipt, a block is sealed by a winning ticket out of running it
again, and a node that took no part runs it once more and says identical.

Usage: contrib/demo.py ["a question"] [--keep]. Needs what contrib/build makes. Exit code 0 only if everything held;
--keep leaves the data directories and says where they are."""
import argparse
import json
import pathlib
import subprocess
import sys
import time
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "test" / "functional"))
from framework import BIN, Network, wait_until  # noqa: E402

MODEL = ROOT / "models" / "smollm2-135m-instruct.dai.gguf"
CHAIN = "demo"
# Tokens of one unit: a question and its short answer fit, and a unit takes a fraction of a second on one core.
UNIT_TOKENS = 64
# Corpus, receipts, training. Mostly receipts, so that the few blocks of a demonstration draw the one there is.
KIND_WEIGHTS = [20, 80, 0]
QUESTION = "What is the capital of France?"
ANSWER_TOKENS_MAX = 48
PAYMENT = Decimal(5)
BLOCKS_BEFORE_SPENDING = 22  # a coinbase matures in 20
WAIT_S = 300


class Story:
    """Prints what happens, and remembers what was claimed and whether it held."""

    def __init__(self):
        self.begun = time.monotonic()
        self.claims = []

    def tell(self, text):
        print(f"[{time.monotonic() - self.begun:6.1f} s] {text}", flush=True)

    def claim(self, text, held):
        self.claims.append((text, bool(held)))
        self.tell(f"{'ok  ' if held else 'FAIL'} {text}")

    @property
    def held(self):
        return bool(self.claims) and all(held for _, held in self.claims)


def make_spec(path):
    """The spec of a chain whose base model is SmolLM2: its root, its manifest, and a corpus in its tokens."""
    made = subprocess.run([BIN / "dai-model", "chainspec", MODEL, f"-unit={UNIT_TOKENS}", f"-name={CHAIN}"],
                          check=True, capture_output=True, text=True)
    spec = json.loads(made.stdout)
    spec["kind_weights"] = KIND_WEIGHTS
    path.write_text(json.dumps(spec, indent=1))
    return spec


def dai(amount):
    return f"{amount:.8f} DAI"


def cli_json(node, *arguments):
    code, output, errors = node.cli(*arguments, timeout=WAIT_S)
    if code != 0:
        raise AssertionError(f"dai-cli {' '.join(arguments)}: exit code {code}: {errors.strip()}")
    return json.loads(output, parse_float=Decimal)


def coinbase_payouts(node, height, address):
    """What the coinbase at this height pays to an address."""
    outputs = node.getblock(node.getblockhash(height), 2)["tx"][0]["vout"]
    return sum(output["value"] for output in outputs if output["scriptPubKey"].get("address") == address)


def find_drawn(node, receipt, first_height):
    """The first block from `first_height` that is sealed by a unit out of this receipt, if there is one."""
    for height in range(first_height, node.getblockcount() + 1):
        seal = node.getseal(node.getblockhash(height))
        if seal["receipt"] == receipt:
            return seal
    return None


def start(story, network):
    spec_file = network.directory / "chain.json"
    story.tell("making the spec of a private chain with SmolLM2 as its base model")
    spec = make_spec(spec_file)
    story.tell(f"model root {spec['models'][0]['root'][:16]}…, corpus of {spec['corpora'][0]['tokens']} tokens")
    options = {"chain": f"-chain={spec_file}", "network": CHAIN}
    model = f"-model={MODEL}"
    miner = network.add("-mine", model, "-printtoconsole=0", **options)
    user = network.add(model, "-serve=0", "-verifywork=0", f"-connect=127.0.0.1:{miner.port}", "-printtoconsole=0",
                       **options)
    auditor = network.add(model, "-serve=0", f"-connect=127.0.0.1:{miner.port}", "-printtoconsole=0", **options)
    story.tell("three nodes run: a miner who also answers, a user with a wallet, an auditor with neither")
    return miner, user, auditor


def fund(story, miner, user):
    """The miner earns its first coins and pays some to the user."""
    shown = -1
    while (height := miner.getblockcount()) < BLOCKS_BEFORE_SPENDING:
        if height // 5 > shown:
            shown = height // 5
            story.tell(f"mining units of the corpus: block {height} of {BLOCKS_BEFORE_SPENDING}")
        time.sleep(0.2)
    user.createwallet("user")
    miner.sendtoaddress(user.getnewaddress(), PAYMENT)
    wait_until(lambda: user.getbalance() >= PAYMENT, WAIT_S, "the payment to the user")
    story.tell(f"the user has {dai(user.getbalance())}, paid by the miner")


def ask(story, user, question):
    story.tell(f"the user asks: {question}")
    answer = cli_json(user, "ask", question, "-json", f"-max-tokens={ANSWER_TOKENS_MAX}")
    story.tell(f"the answer: {answer['answer'].strip()}")
    job = user.getjob(answer["job"])
    receipt = user.getreceipt(answer["receipt"])
    story.tell(f"job in block {job['height']}, receipt in block {receipt['height']}")
    story.claim("the answer's text is not empty and its receipt is in the chain",
                answer["answer"].strip() and receipt["confirmations"] >= 1)
    return answer, job, receipt


def seal(story, user, auditor, receipt):
    story.tell("waiting for the chain to draw the receipt and for a ticket out of it to win")
    found = wait_until(lambda: find_drawn(user, receipt["receipt"], receipt["height"] + 1), WAIT_S, "the draw", 0.3)
    story.claim(f"block {found['height']} is sealed by a unit that the chain drew from this receipt",
                found["kind"] == "receipt")
    wait_until(lambda: auditor.getblockcount() >= found["height"], WAIT_S, "the auditor to follow")
    begun = time.monotonic()
    checked = auditor.verifyseal(found["block"], False)
    story.claim("the auditor checks the seal without the model", checked["seal_valid"])
    story.tell(f"     (the whole call took {1000 * (time.monotonic() - begun):.0f} ms)")
    verdict = auditor.verifyseal(found["block"])
    same = [unit["op_roots"] for unit in verdict["units"]] == [unit["op_roots"] for unit in found["units"]]
    story.claim(f"the auditor runs the {len(verdict['units'])} opened units again: identical",
                verdict["rerun"] == "identical")
    story.claim(f"and finds the same {len(verdict['units'][0]['op_roots'])} op roots in each", same)
    return found, verdict


def check_receipt(story, auditor, receipt):
    verdict = cli_json(auditor, "verifyreceipt", receipt["receipt"])
    story.claim("the auditor runs the receipt again: identical", verdict["rerun"] == "identical" and verdict["valid"])
    spoiled = dict(receipt)
    command = bytearray.fromhex(spoiled["receipt_command"])
    command[-68] ^= 1  # the answer's last token, a u32; 64 bytes of signature follow it
    spoiled["receipt_command"] = command.hex()
    path = auditor.directory / "spoiled.json"
    path.write_text(json.dumps(spoiled, default=str))
    verdict = cli_json(auditor, "verifyreceipt", str(path))
    story.claim("with one byte of the receipt spoiled it says different",
                verdict["rerun"] == "different" and verdict["valid"] is False)


def settle(story, user, job, receipt):
    height = receipt["settles_at_height"]
    story.tell(f"waiting for block {height}, where the receipt settles")
    wait_until(lambda: user.getblockcount() >= height, WAIT_S, "the settlement")
    job = user.getjob(job["job"])
    worker = coinbase_payouts(user, height, receipt["worker"])
    refund = coinbase_payouts(user, height, job["refund_address"])
    story.claim("the escrow is the cost and the refund, and the cost is the worker's and the treasury's share",
                job["escrow"] == job["cost"] + job["refund"]
                and receipt["worker_share"] + receipt["treasury_share"] == job["cost"])
    story.claim("the coinbase pays the worker its share and bond, and the user the rest",
                worker >= receipt["worker_share"] + receipt["bond"] and refund == job["refund"])
    return job


def summary(story, user, question, answer, job, receipt, found, verdict):
    treasury = user.gettreasuryinfo()
    subsidy = user.getblock(found["block"], 2)["tx"][0]["vout"][0]["value"]
    rows = [
        ("question", question),
        ("answer", answer["answer"].strip()),
        ("job", f"{answer['job']} (block {job['height']})"),
        ("receipt", f"{answer['receipt']} (block {receipt['height']})"),
        ("block", f"{found['block']} (height {found['height']})"),
        ("seal", f"lane {found['lane']}, unit {found['seq']}, operation {found['op']}, tile {found['tile']}, "
                 f"ticket {found['ticket'][:16]}…"),
        ("the chain drew", f"{found['kind']} {found['receipt']}"),
        ("user paid", f"{dai(job['escrow'])} escrow, {dai(job['refund'])} back"),
        ("worker got", f"{dai(receipt['worker_share'])} for the answer, its bond of {dai(receipt['bond'])} back"),
        ("sealer got", f"{dai(subsidy)} (not yet mature)"),
        ("treasury got", f"{dai(receipt['treasury_share'])} of the answer; it holds {dai(treasury['balance'])}"),
        ("auditor says", f"{verdict['rerun']}, {len(verdict['units'])} units"),
    ]
    width = max(len(name) for name, _ in rows)
    print()
    for name, value in rows:
        text = str(value).split("\n")
        print(f"  {name:<{width}}  {text[0]}")
        for line in text[1:]:
            print(f"  {'':<{width}}  {line}")
    print()
    good = sum(held for _, held in story.claims)
    print(f"  {good} of {len(story.claims)} claims held, {time.monotonic() - story.begun:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--keep", action="store_true", help="keep the data directories")
    arguments = parser.parse_args()
    story = Story()
    with Network(keep=arguments.keep) as network:
        miner, user, auditor = start(story, network)
        fund(story, miner, user)
        answer, job, receipt = ask(story, user, arguments.question)
        found, verdict = seal(story, user, auditor, receipt)
        check_receipt(story, auditor, receipt)
        job = settle(story, user, job, receipt)
        summary(story, user, arguments.question, answer, job, receipt, found, verdict)
        if arguments.keep:
            print(f"  data in {network.directory}")
    return 0 if story.held else 1


if __name__ == "__main__":
    sys.exit(main())
