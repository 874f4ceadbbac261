"""Several nodes: sync, relay along a line, partitions that meet again, and the RPCs that manage peers."""
from decimal import Decimal

from framework import expect_equal, expect_error, free_port, main, wait_until
from oracle import expect_balances, whole_chain

QUIET = ("-serve=0", "-verifywork=0")


def funded(network, *args, blocks=22):
    node = network.add(*args)
    node.createwallet("w")
    node.generatetoaddress(blocks, node.getnewaddress())
    return node


def address_of(node):
    return f"127.0.0.1:{node.port}"


def third_node_syncs_from_zero_through_two_peers(network):
    a = funded(network, *QUIET, blocks=60)
    b = network.add(*QUIET, f"-connect={address_of(a)}")
    network.sync()
    c = network.add(*QUIET, f"-connect={address_of(a)}", f"-connect={address_of(b)}")
    network.sync()
    expect_equal(whole_chain(c), whole_chain(a))
    wait_until(lambda: {peer["synced_headers"] for peer in c.getpeerinfo()} == {60}, what="both peers' headers")

    # Either of the two is enough.
    a.generatetoaddress(1, a.getnewaddress())
    network.sync()
    a.stop()
    b.createwallet("w")
    tip = b.generatetoaddress(1, b.getnewaddress())[0]
    wait_until(lambda: c.getbestblockhash() == tip, what="a block through the other peer")


def blocks_transactions_and_receipts_pass_along_a_line(network):
    worker = funded(network, "-verifywork=0")
    middle = network.add(*QUIET, f"-connect={address_of(worker)}")
    asker = network.add(*QUIET, f"-connect={address_of(middle)}")
    asker.createwallet("w")
    address = asker.getnewaddress()
    worker.sendtoaddress(address, 5)
    worker.generatetoaddress(1, worker.getnewaddress())
    wait_until(lambda: asker.getbalance() == 5, what="the payment at the end of the line")

    asked = asker.submitjob("hello", {"max_tokens": 4})
    wait_until(lambda: asked["txid"] in worker.getrawmempool(), what="the job at the other end")
    assert asked["txid"] in middle.getrawmempool()
    worker.generatetoaddress(2, worker.getnewaddress())  # the block after the job's assigns it
    receipt = wait_until(lambda: worker.getrawmempool(), what="the receipt")
    wait_until(lambda: asker.getrawmempool() == receipt, what="the receipt's transaction at the asker")
    worker.generatetoaddress(1, worker.getnewaddress())
    network.sync()
    job = asker.getjob(asked["job"])
    expect_equal(job["status"], "answered")
    expect_equal(job, worker.getjob(asked["job"]))
    expect_equal(asker.getreceipt(job["receipt"]), middle.getreceipt(job["receipt"]))
    verdict = asker.verifyreceipt(job["receipt"])
    expect_equal((verdict["rerun"], verdict["in_chain"], verdict["valid"]), ("identical", True, True))


def partitions_meet_and_follow_the_chain_with_more_work(network):
    """a's side pays b and asks a question; b's side mines more. What a's side said is said again after it."""
    a = funded(network, "-verifywork=0", blocks=25)
    b = network.add(*QUIET, f"-connect={address_of(a)}")
    b.createwallet("w")
    payee = b.getnewaddress()
    c = network.add(*QUIET)
    network.connect(c, b)
    network.sync()
    b.addnode(address_of(a), "remove")
    wait_until(lambda: a.getconnectioncount() == 0, what="the partition")

    paid = a.sendtoaddress(payee, "7")
    asked = a.submitjob("hello", {"max_tokens": 4})
    a.generatetoaddress(2, a.getnewaddress())
    receipt_tx = wait_until(lambda: a.getrawmempool(), what="the receipt")[0]
    a.generatetoaddress(1, a.getnewaddress())
    job = a.getjob(asked["job"])
    expect_equal(job["status"], "answered")
    lost = a.getbestblockhash()

    b.generatetoaddress(3, b.getnewaddress())
    equal = b.getbestblockhash()
    network.connect(a, b)
    wait_until(lambda: any(tip["hash"] == lost for tip in b.getchaintips()), what="the other side's chain at b")
    expect_equal((a.getbestblockhash(), b.getbestblockhash()), (lost, equal))  # as much work: first seen stays

    won = b.generatetoaddress(1, b.getnewaddress())[0]
    network.sync()
    expect_equal(a.getbestblockhash(), won)
    expect_equal(a.getblockheader(lost)["confirmations"], -1)
    wait_until(lambda: {paid, asked["txid"]} <= set(b.getrawmempool()), what="the losing side's transactions at b")
    expect_equal(b.getbalances()["mine"]["untrusted_pending"], Decimal(7))
    expect_error(-5, "No such receipt", a.getreceipt, job["receipt"])
    expect_equal(a.getjob(asked["job"])["status"], "pending")
    for node in (a, b):
        expect_balances(node)

    b.generatetoaddress(2, b.getnewaddress())
    network.sync()
    # Not another one: what a pays of its change stays good.
    expect_equal(wait_until(lambda: b.getrawmempool(), what="the receipt again"), [receipt_tx])
    b.generatetoaddress(1, b.getnewaddress())
    network.sync()
    answers = [node.getjob(asked["job"]) for node in network.nodes]
    expect_equal({answer["status"] for answer in answers}, {"answered"})
    expect_equal({answer["answer"] for answer in answers}, {job["answer"]})
    assert c.verifyreceipt(answers[2]["receipt"])["valid"]
    expect_equal(b.getbalances()["mine"]["trusted"], Decimal(7))
    expect_equal([node.getrawmempool() for node in network.nodes], [[], [], []])
    for node in (a, b):
        expect_balances(node, view=c)


def restarted_node_catches_up(network):
    a = funded(network, *QUIET)
    b = network.add(*QUIET, f"-connect={address_of(a)}")
    network.sync()
    for end in (b.stop, b.terminate, b.kill):
        end()
        a.generatetoaddress(5, a.getnewaddress())
        b.start()
        network.sync()
    expect_equal(whole_chain(b), whole_chain(a))
    # The other way around: who was called is called again when it is back.
    a.kill()
    wait_until(lambda: b.getconnectioncount() == 0, what="the loss of the peer")
    a.start()
    a.generatetoaddress(1, a.getnewaddress())
    network.sync()


def connect_waits_for_the_peer(network):
    b = network.add(*QUIET, start=False)
    a = funded(network, *QUIET, f"-connect={address_of(b)}", blocks=3)
    expect_equal(a.getconnectioncount(), 0)
    b.start()
    network.sync()
    expect_equal([(peer["addr"], peer["inbound"], peer["connection_type"]) for peer in a.getpeerinfo()],
                 [(address_of(b), False, "manual")])
    expect_equal([(peer["inbound"], peer["connection_type"]) for peer in b.getpeerinfo()], [(True, "inbound")])
    # It is kept: by hand it goes for a moment only.
    first = a.getpeerinfo()[0]["id"]
    a.disconnectnode(address_of(b))
    wait_until(lambda: [peer["id"] for peer in a.getpeerinfo()] not in ([], [first]), what="a new connection")


def addnode_and_disconnectnode(network):
    a = network.add(*QUIET)
    b = network.add(*QUIET)
    there = address_of(b)
    expect_error(-24, "could not be removed", a.addnode, there, "remove")
    expect_error(-1, "addnode", a.addnode, there, "maybe")
    expect_error(-29, "not found", a.disconnectnode, there)
    expect_error(-29, "not found", a.call, "disconnectnode", nodeid=7)
    expect_error(-32602, "Only one of", a.disconnectnode)
    expect_error(-32602, "Only one of", a.disconnectnode, there, 0)
    for bad in ("", ":1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1x", "::1:1"):
        expect_error(-23, "", a.addnode, bad, "add")
        expect_error(-29, "", a.addnode, bad, "onetry")

    a.addnode(there, "onetry")
    wait_until(lambda: a.getconnectioncount() == 1, what="the peer")
    a.disconnectnode(there)
    wait_until(lambda: a.getconnectioncount() == 0 and b.getconnectioncount() == 0, what="the parting")

    a.addnode(there, "add")
    expect_error(-23, "already added", a.addnode, there, "add")
    peer = wait_until(a.getpeerinfo, what="the added peer")[0]
    b.call("disconnectnode", nodeid=b.getpeerinfo()[0]["id"])
    wait_until(lambda: [other["id"] for other in a.getpeerinfo()] not in ([], [peer["id"]]), what="it to come back")
    a.addnode(there, "remove")
    wait_until(lambda: a.getconnectioncount() == 0 and b.getconnectioncount() == 0, what="the parting")
    expect_error(-24, "could not be removed", a.addnode, there, "remove")
    a.addnode(f"127.0.0.1:{free_port()}", "onetry")  # nobody is there: nothing happens
    expect_equal(a.getconnectioncount(), 0)


def itself_and_another_chain_are_no_peers(network):
    a = network.add(*QUIET)
    a.addnode(address_of(a), "onetry")
    wait_until(lambda: "connected to itself" in a.log_file.read_text(), what="the node to see itself")
    wait_until(lambda: a.getconnectioncount() == 0, what="the node to leave itself")
    spec = network.directory / "other.json"
    spec.write_text('{"base": "regtest", "name": "other", "subsidy": 1}')
    other = network.add(*QUIET, chain=f"-chain={spec}", network="other")
    other.addnode(address_of(a), "onetry")
    wait_until(lambda: "another chain: its genesis block differs" in a.log_file.read_text(), what="the refusal")
    wait_until(lambda: a.getconnectioncount() == 0 and other.getconnectioncount() == 0, what="the parting")


# Bitcoin Core's names and types.
PEER_FIELDS = {
    "id": int, "addr": str, "addrlocal": str, "network": str, "services": str, "servicesnames": list, "relaytxes": bool,
    "lastsend": int, "lastrecv": int, "last_transaction": int, "last_block": int, "bytessent": int, "bytesrecv": int,
    "conntime": int, "timeoffset": int, "pingtime": Decimal, "minping": Decimal, "version": int, "subver": str,
    "inbound": bool, "startingheight": int, "presynced_headers": int, "synced_headers": int, "synced_blocks": int,
    "inflight": list, "permissions": list, "connection_type": str, "transport_protocol_type": str,
}


def peers_are_shown_as_bitcoin_core_does(network):
    a = funded(network, *QUIET, blocks=2)
    b = network.add(*QUIET)
    network.connect(b, a)
    network.sync()
    wait_until(lambda: all("minping" in node.getpeerinfo()[0] for node in (a, b)), what="the first pings")
    seen_by_a, seen_by_b = a.getpeerinfo()[0], b.getpeerinfo()[0]
    for peer in (seen_by_a, seen_by_b):
        expect_equal({name: type(peer[name]) for name in PEER_FIELDS}, PEER_FIELDS)
        assert peer["minping"] <= peer["pingtime"]
        assert peer["conntime"] <= peer["lastrecv"]
        expect_equal(peer["subver"], a.getnetworkinfo()["subversion"])
    expect_equal((seen_by_b["addr"], seen_by_b["addrlocal"]), (seen_by_a["addrlocal"], seen_by_a["addr"]))
    expect_equal((seen_by_a["inbound"], seen_by_b["inbound"]), (True, False))
    expect_equal((seen_by_a["startingheight"], seen_by_b["startingheight"]), (0, 2))
    expect_equal((seen_by_b["synced_headers"], seen_by_b["synced_blocks"]), (2, 2))
    info = a.getnetworkinfo()
    expect_equal((info["connections"], info["connections_in"], info["connections_out"]), (1, 1, 0))
    expect_equal(info["localaddresses"][0]["port"], a.port)


if __name__ == "__main__":
    main(third_node_syncs_from_zero_through_two_peers, blocks_transactions_and_receipts_pass_along_a_line,
         partitions_meet_and_follow_the_chain_with_more_work, restarted_node_catches_up, connect_waits_for_the_peer,
         addnode_and_disconnectnode, itself_and_another_chain_are_no_peers, peers_are_shown_as_bitcoin_core_does)
