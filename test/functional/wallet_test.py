"""Wallet and mempool over RPC: balances by maturity, payments, refusals, restarts."""
from decimal import Decimal

from framework import expect_equal, expect_error, main, wait_until

MATURITY = 20
SEALER = Decimal("28")


def rich(network, blocks=MATURITY + 2):
    node = network.add()
    node.createwallet("w")
    node.generatetoaddress(blocks, node.getnewaddress())
    return node


def wallets(network):
    node = network.add()
    expect_error(-18, "No wallet is loaded", node.getbalance)
    created = node.createwallet("first")
    expect_equal(created["name"], "first")
    expect_equal(len(created["mnemonic"].split()), 24 if len(created["mnemonic"].split()) == 24 else 12)
    expect_error(-4, "already exists", node.createwallet, "first")
    expect_error(-4, "Invalid wallet name", node.createwallet, "../up")
    node.createwallet("second")
    expect_equal(sorted(node.listwallets()), ["first", "second"])
    expect_error(-19, "Multiple wallets are loaded", node.getbalance)
    node.wallet = "second"
    expect_equal(node.getwalletinfo()["walletname"], "second")
    node.wallet = "third"
    expect_error(-18, "does not exist or is not loaded", node.getbalance)
    node.wallet = None
    node.stop()
    node.start()
    expect_equal(sorted(node.listwallets()), ["first", "second"])


def maturity(network):
    node = network.add()
    node.createwallet("w")
    address = node.getnewaddress("mine")
    node.generatetoaddress(MATURITY, address)
    balances = node.getbalances()["mine"]
    expect_equal((balances["trusted"], balances["immature"]), (Decimal(0), SEALER * MATURITY))
    node.generatetoaddress(1, address)
    balances = node.getbalances()["mine"]
    expect_equal((balances["trusted"], balances["immature"]), (SEALER, SEALER * MATURITY))
    expect_equal(node.getbalance(), SEALER)
    unspent = node.listunspent()
    expect_equal(len(unspent), 1)
    expect_equal((unspent[0]["address"], unspent[0]["label"], unspent[0]["confirmations"]),
                 (address, "mine", MATURITY + 1))
    info = node.getaddressinfo(address)
    expect_equal((info["ismine"], info["labels"], info["ischange"]), (True, ["mine"], False))
    assert info["hdkeypath"].startswith("m/86'/1'/0'/0/")


def payments(network):
    node = rich(network)
    other = network.add("-verifywork=0")
    other.createwallet("w")
    network.connect(node, other)
    network.sync()
    address = other.getnewaddress()
    for amount in (-1, "1e-9", "84096000.00000001", "0x1", True):
        expect_error(-3, "", node.sendtoaddress, address, amount)
    expect_error(-6, "Insufficient funds", node.sendtoaddress, address, 1000)
    expect_error(-5, "Invalid address", node.sendtoaddress, "nowhere", 1)
    before = node.getbalance()
    txid = node.sendtoaddress(address, "1.5")
    tx = node.gettransaction(txid)
    expect_equal((tx["amount"], tx["confirmations"]), (Decimal("-1.5"), 0))
    assert Decimal("-0.001") < tx["fee"] < 0
    expect_equal(node.getbalance(), before - Decimal("1.5") + tx["fee"])
    expect_equal(node.getrawmempool(), [txid])
    entry = node.getmempoolentry(txid)
    expect_equal(entry["fees"]["base"], -tx["fee"])
    expect_equal(node.getrawmempool(True)[txid], entry)
    expect_equal(node.getmempoolinfo()["size"], 1)
    wait_until(lambda: txid in other.getrawmempool(), what="the transaction at the other node")
    wait_until(lambda: other.getbalances()["mine"]["untrusted_pending"] == Decimal("1.5"), what="the pending payment")
    raw = node.getrawtransaction(txid)
    expect_equal(node.gettransaction(txid)["hex"], raw)
    expect_equal(node.testmempoolaccept([raw])[0]["reject-reason"], "txn-already-in-mempool")
    node.generatetoaddress(1, node.getnewaddress())
    network.sync()
    wait_until(lambda: other.getbalance() == Decimal("1.5"), what="the payment")
    expect_equal(node.getrawmempool(), [])
    expect_error(-27, "", node.sendrawtransaction, raw)
    received = other.listtransactions()[-1]
    expect_equal((received["category"], received["amount"], received["confirmations"]), ("receive", Decimal("1.5"), 1))
    sent = [entry for entry in node.listtransactions("*", 100) if entry["txid"] == txid]
    expect_equal([(entry["category"], entry["amount"]) for entry in sent], [("send", Decimal("-1.5"))])
    expect_error(-5, "Invalid or non-wallet transaction id", node.gettransaction, "00" * 32)


def refused_transactions(network):
    node = rich(network)
    txid = node.sendtoaddress(node.getnewaddress(), 1)
    raw = bytearray.fromhex(node.getrawtransaction(txid))
    node.generatetoaddress(1, node.getnewaddress())
    spoiled = bytearray(raw)
    spoiled[-10] ^= 1  # in the signature: the coins are gone already, so that is what is wrong
    answer = node.testmempoolaccept([spoiled.hex()])[0]
    assert not answer["allowed"]
    foreign = bytearray(raw)
    foreign[10] ^= 1  # the id of what is spent
    expect_error(-25, "bad-txns-inputs-missingorspent", node.sendrawtransaction, foreign.hex())
    coinbase = node.getblock(node.getblockhash(1), 2)["tx"][0]["hex"]
    expect_error(-27, "already in utxo set", node.sendrawtransaction, coinbase)
    unknown = bytearray.fromhex(coinbase)
    unknown[45] ^= 1  # in its script
    expect_error(-26, "coinbase", node.sendrawtransaction, unknown.hex())


def restarts(network):
    node = rich(network)
    balances = node.getbalances()["mine"]
    address = node.getnewaddress("kept")
    node.kill()
    node.start()
    expect_equal(node.getbalances()["mine"], balances)
    expect_equal(node.getaddressinfo(address)["labels"], ["kept"])
    txid = node.sendtoaddress(address, 2)
    node.stop()
    node.start()
    wait_until(lambda: txid in node.getrawmempool(), what="the wallet's transaction to come back")


def reorganised(network):
    """A payment in a block that is left returns to the mempool, and its coins are the wallet's as before."""
    node = rich(network)
    address = node.getnewaddress()
    txid = node.sendtoaddress(address, 3)
    block = node.generatetoaddress(1, address)[0]
    expect_equal(node.gettransaction(txid)["confirmations"], 1)
    node.invalidateblock(block)
    wait_until(lambda: txid in node.getrawmempool(), what="the payment in the mempool")
    expect_equal(node.gettransaction(txid)["confirmations"], 0)
    node.reconsiderblock(block)
    expect_equal(node.gettransaction(txid)["confirmations"], 1)
    expect_equal(node.getrawmempool(), [])


if __name__ == "__main__":
    main(wallets, maturity, payments, refused_transactions, restarts, reorganised)
