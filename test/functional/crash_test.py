"""kill -9 in the middle of everything: what was reported is still there, and the node goes on.

Sixteen deaths at points of the storage (DAIDD_CRASH_AT of src/chain/storage.h) and twenty at random moments."""
import http.client
import threading

from framework import RpcError, expect_equal, main, seeded, wait_until
from oracle import expect_balances, whole_chain

QUIET = ["-serve=0", "-verifywork=0"]
BUSY = ["-mine", "-verifywork=0"]
GONE = (OSError, http.client.HTTPException)
KILLED = 137  # as the crash points end it
RANDOM_KILLS = 20
DEADLINE = 40


def funded(network):
    node = network.add(*QUIET)
    node.createwallet("w")
    node.generatetoaddress(30, node.getnewaddress())
    return node


def restart(node, args, crash_at=None):
    node.args = args
    node.env = {"DAIDD_CRASH_AT": crash_at} if crash_at else {}
    return node.start()


def expect_whole(node, reported):
    """After a crash, while nothing mines: every reported block is there, and the wallet agrees with the blocks."""
    chain = whole_chain(node)
    assert reported in chain, "a block that was reported is gone"
    expect_equal([tip["hash"] for tip in node.getchaintips() if tip["status"] == "active"], [chain[-1]])
    expect_equal(node.getwalletinfo()["lastprocessedblock"]["hash"], chain[-1])
    expect_balances(node)


def dies_at_storage_points(network):
    node = funded(network)
    address = node.getnewaddress()
    for point, stored in (("store-before-commit", 0), ("store-after-commit", 1), ("connect-before-commit", 1),
                          ("connect-after-commit", 1)):
        for turn in (1, 3):
            node.stop()
            restart(node, QUIET, f"{point}:{turn}")
            before = node.getblockcount()
            try:
                node.generatetoaddress(turn, address)
                raise AssertionError(f"{point} was not reached")
            except GONE:
                expect_equal(node.wait_for_end(), KILLED)
            restart(node, QUIET)
            # A block that was stored but not connected is connected at the start.
            expect_equal((point, node.getblockcount()), (point, before + turn - 1 + stored))
            expect_whole(node, node.getbestblockhash())
            node.generatetoaddress(1, address)


def dies_between_the_blocks_of_a_reorganisation(network):
    """Three blocks are left for four: wherever it dies, the next start ends on the four."""
    node = funded(network)
    address = node.getnewaddress()
    lost = node.generatetoaddress(3, address)
    fork = node.getblockheader(lost[0])["previousblockhash"]
    node.invalidateblock(lost[0])
    payment = node.sendtoaddress(address, 1)
    won = node.generatetoaddress(4, address)
    for point in ("disconnect-before-commit:1", "disconnect-before-commit:3", "connect-before-commit:1",
                  "connect-after-commit:1", "connect-before-commit:4", "connect-after-commit:3"):
        node.invalidateblock(won[0])
        node.reconsiderblock(lost[0])
        expect_equal(node.getbestblockhash(), lost[-1])
        node.stop()
        restart(node, QUIET, point)
        try:
            node.reconsiderblock(won[0])
            raise AssertionError(f"{point} was not reached")
        except GONE:
            expect_equal(node.wait_for_end(), KILLED)
        restart(node, QUIET)
        expect_equal((point, node.getbestblockhash()), (point, won[-1]))
        expect_whole(node, fork)
        expect_equal(node.gettransaction(payment)["confirmations"], 4)
    node.generatetoaddress(1, address)


def dies_while_a_block_is_invalidated(network):
    """A block that is marked as invalid is not the tip of the next start, however far the node got."""
    node = funded(network)
    address = node.getnewaddress()
    for point in ("disconnect-before-commit:1", "disconnect-before-commit:2"):
        hashes = node.generatetoaddress(2, address)
        parent = node.getblockheader(hashes[0])["previousblockhash"]
        node.stop()
        restart(node, QUIET, point)
        try:
            node.invalidateblock(hashes[0])
            raise AssertionError(f"{point} was not reached")
        except GONE:
            expect_equal(node.wait_for_end(), KILLED)
        restart(node, QUIET)
        expect_equal((point, node.getbestblockhash()), (point, parent))
        expect_whole(node, parent)
        node.generatetoaddress(1, address)


class Asker:
    """Asks jobs of a node, and remembers what it reported, until the node is killed in a moment."""

    def __init__(self, node):
        self.node = node
        self.jobs = {}

    def run(self, delay_s):
        """The last tip that was reported."""
        tip = self.node.getbestblockhash()
        killer = threading.Timer(delay_s, self.node.process.kill)
        killer.start()
        try:
            while True:
                tip = self.node.getbestblockhash()
                if len(self.node.getrawmempool()) < 10:
                    job = self.node.submitjob("hello", {"max_tokens": 3, "deadline_blocks": DEADLINE})
                    self.jobs[job["job"]] = job["txid"]
        except GONE:
            pass
        except RpcError as error:
            if error.code != -6:  # all coins wait for a block
                raise
        killer.join()
        expect_equal(self.node.wait_for_end(), -9)
        return tip


def dies_at_random_moments_while_mining_and_answering(network):
    random = seeded()
    node = funded(network)
    other = network.add(*QUIET, f"-connect=127.0.0.1:{node.port}")
    asker = Asker(node)
    height = node.getblockcount()
    node.stop()
    for _ in range(RANDOM_KILLS):
        restart(node, BUSY)
        wait_until(lambda: node.getblockcount() > height, what="mining to go on")
        tip = asker.run(random.uniform(0, 0.8))
        restart(node, QUIET)
        expect_whole(node, tip)
        for txid in asker.jobs.values():
            assert node.gettransaction(txid)["confirmations"] > 0 or txid in node.getrawmempool()
        height = node.getblockcount()
        node.stop()
    assert len(asker.jobs) > RANDOM_KILLS

    # Every job is answered once, or its escrow is back; and another node sees the same money.
    restart(node, BUSY)
    ended = ("settled", "refunded")
    wait_until(lambda: node.generatetoaddress(1, node.getnewaddress()) and
               all(job["status"] in ended for job in node.listjobs(1000)), what="the end of all jobs")
    jobs = node.listjobs(1000)
    assert {job["job"] for job in jobs} >= set(asker.jobs)  # and those that died with their answer to the asker
    assert "settled" in {job["status"] for job in jobs}
    node.stop()
    restart(node, QUIET)
    network.sync()
    receipts = [other.getreceipt(job["receipt"]) for job in jobs if job["status"] == "settled"]
    expect_equal(other.gettreasuryinfo()["from_fees"], sum(receipt["treasury_share"] for receipt in receipts))
    expect_whole(node, node.getbestblockhash())
    expect_balances(node, view=other)
    expect_equal(whole_chain(other), whole_chain(node))


if __name__ == "__main__":
    main(dies_at_storage_points, dies_between_the_blocks_of_a_reorganisation, dies_while_a_block_is_invalidated,
         dies_at_random_moments_while_mining_and_answering)
