"""What the blocks of a node say, computed here from their bytes and their outputs alone."""
import hashlib
from decimal import Decimal

from framework import expect_equal

MATURITY = 20


def header_hash(header):
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()[::-1].hex()


def whole_chain(node):
    """The hashes of the best chain, genesis first, found by walking back from the tip through the blocks' bytes."""
    at = node.getbestblockhash()
    height = node.getblockcount()
    hashes = []
    while height >= 0:
        raw = bytes.fromhex(node.getblock(at, 0))
        expect_equal(header_hash(raw[:80]), at)
        expect_equal(node.getblockhash(height), at)
        hashes.append(at)
        at = raw[4:36][::-1].hex()
        height -= 1
    expect_equal(at, "00" * 32)
    return hashes[::-1]


class Coins:
    """The coins of one wallet: those of the blocks of `view`, and those of what waits at the wallet's node."""

    def __init__(self, wallet, view):
        self.wallet = wallet
        self.ours = {}
        self.coins = {}
        self.height = view.getblockcount()
        for height in range(self.height + 1):
            for position, tx in enumerate(view.getblock(view.getblockhash(height), 2)["tx"]):
                self.spend(tx)
                self.add(tx, height if position == 0 else None)
        waiting = set(wallet.getrawmempool())
        pooled = [wallet.getrawtransaction(txid, 1) for txid in waiting]
        for change in (self.add, self.spend):  # in no order: all are added before one is spent
            for tx in pooled:
                change(tx)
        # What the mempool cannot hold now may come back: until it is given up, it keeps what it spends.
        for entry in wallet.listtransactions("*", 10_000):
            if entry["confirmations"] == 0 and not entry["abandoned"] and entry["txid"] not in waiting:
                self.spend(wallet.decoderawtransaction(wallet.gettransaction(entry["txid"])["hex"]))

    def is_ours(self, address):
        if address not in self.ours:
            self.ours[address] = self.wallet.getaddressinfo(address)["ismine"]
        return self.ours[address]

    def spend(self, tx):
        for spent in tx["vin"]:
            if "txid" in spent:
                self.coins.pop((spent["txid"], spent["vout"]), None)

    def add(self, tx, coinbase_height=None):
        for output in tx["vout"]:
            address = output["scriptPubKey"].get("address")
            if address is not None and self.is_ours(address):
                self.coins[tx["txid"], output["n"]] = (output["value"], coinbase_height)

    def sums(self):
        """(what can be spent or waits, what is immature)"""
        immature = sum((value for value, height in self.coins.values()
                        if height is not None and self.height + 1 - height < MATURITY + 1), Decimal(0))
        return sum((value for value, _ in self.coins.values()), Decimal(0)) - immature, immature


def expect_balances(wallet, view=None):
    """The wallet's balances are what the blocks of `view` (its own node unless told otherwise) say they are."""
    mine = wallet.getbalances()["mine"]
    expect_equal((mine["trusted"] + mine["untrusted_pending"], mine["immature"]), Coins(wallet, view or wallet).sums())
