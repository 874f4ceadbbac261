"""Deep reorganisations with jobs and receipts in them end in the state of a node that never left the chain."""
from framework import expect_equal, main, wait_until
from oracle import expect_balances, whole_chain

QUIET = ("-serve=0", "-verifywork=0")
DEPTH = 20


def funded(network):
    node = network.add("-verifywork=0")
    node.createwallet("w")
    node.generatetoaddress(30, node.getnewaddress())
    return node


def state_of(node):
    """What the database holds, not what the tip's coinbase claims: the root, the treasury and the open money."""
    treasury = node.gettreasuryinfo()
    return node.getblockchaininfo()["state_root"], treasury["balance"], treasury["from_fees"], node.listjobs(1000)


def claimed_root(node, block_hash):
    """The state root in a block's coinbase: a push of 64 bytes, root and seal root, ends output 2's script."""
    return node.getblock(block_hash, 2)["tx"][0]["vout"][2]["scriptPubKey"]["hex"][-128:-64]


def branch_with_jobs(node, blocks, prompt):
    """Mines so many blocks; a job is asked every four and answered, so that some receipts settle in the branch."""
    address = node.getnewaddress()
    hashes, jobs = [], []
    while len(hashes) < blocks:
        if len(hashes) % 4 == 0:
            jobs.append(node.submitjob(prompt, {"max_tokens": 4, "seed": len(hashes), "temperature": 1})["job"])
            node.sendtoaddress(node.getnewaddress(), "0.5")
        hashes += node.generatetoaddress(min(2, blocks - len(hashes)), address)
        if node.getjob(jobs[-1])["status"] == "open" and len(hashes) < blocks:
            wait_until(node.getrawmempool, what="the receipt")
    statuses = {node.getjob(job)["status"] for job in jobs}
    assert {"answered", "settled"} <= statuses, statuses
    return hashes, jobs


def invalidated_branch_leaves_the_state_of_before(network):
    node = funded(network)
    before = state_of(node)
    hashes, _ = branch_with_jobs(node, DEPTH, "left")
    after = state_of(node)
    assert after[0] != before[0]
    expect_equal(after[0], claimed_root(node, hashes[-1]))
    for _ in range(2):
        node.invalidateblock(hashes[0])
        expect_equal(state_of(node), before)
        expect_balances(node)
        node.reconsiderblock(hashes[0])
        expect_equal(state_of(node), after)
        expect_balances(node)
    # Half of it: every height has the state that its coinbase claims.
    for depth in range(1, DEPTH):
        node.invalidateblock(hashes[-depth])
        expect_equal(node.getblockchaininfo()["state_root"], claimed_root(node, hashes[-depth - 1]))
    for depth in range(DEPTH - 1, 0, -1):
        node.reconsiderblock(hashes[-depth])
    expect_equal(state_of(node), after)


def reorganised_node_equals_a_linear_one(network):
    a = funded(network)
    follower = network.add(*QUIET, f"-connect=127.0.0.1:{a.port}")
    lost, lost_jobs = branch_with_jobs(a, DEPTH, "lost")
    network.sync()
    state_lost = state_of(a)
    expect_equal(state_of(follower), state_lost)

    follower.stop()
    a.invalidateblock(lost[0])
    won, won_jobs = branch_with_jobs(a, DEPTH + 1, "won")
    a.reconsiderblock(lost[0])
    expect_equal(a.getbestblockhash(), won[-1])
    tips = {tip["hash"]: (tip["status"], tip["branchlen"]) for tip in a.getchaintips()}
    expect_equal(tips[won[-1]], ("active", 0))
    expect_equal(tips[lost[-1]][1], DEPTH)

    follower.start()  # it knows the lost branch and has it to leave
    linear = network.add(*QUIET, f"-connect=127.0.0.1:{a.port}")
    network.sync()
    expect_equal(whole_chain(linear), whole_chain(a))
    state_won = state_of(linear)
    for node in (a, follower):
        expect_equal(state_of(node), state_won)
        for job in won_jobs:
            expect_equal(node.getjob(job), linear.getjob(job))
        for block in (lost[0], lost[-1]):
            expect_equal(node.getblockheader(block)["confirmations"], -1)
    expect_balances(a, view=linear)

    # There and back again by hand; the next blocks are the same ones for all.
    follower.invalidateblock(won[0])
    expect_equal(follower.getbestblockhash(), lost[-1])
    expect_equal(state_of(follower), state_lost)
    follower.reconsiderblock(won[0])
    expect_equal(state_of(follower), state_won)
    a.generatetoaddress(12, a.getnewaddress())  # past the last settlement
    network.sync()
    expect_equal(state_of(follower), state_of(linear))
    expect_equal(state_of(a), state_of(linear))

    # What the lost branch asked was asked again on the other one, once: at the latest when what it is paid with
    # was mature again.
    def mined_again():
        a.generatetoaddress(1, a.getnewaddress())
        return set(lost_jobs) <= {job["job"] for job in a.listjobs(1000)}
    wait_until(mined_again, what="the jobs of the lost branch")
    listed = [job["job"] for job in a.listjobs(1000)]
    expect_equal(len(listed), len(set(listed)))


if __name__ == "__main__":
    main(invalidated_branch_leaves_the_state_of_before, reorganised_node_equals_a_linear_one)
