"""Blocks and transactions over RPC: Bitcoin Core's fields, and bytes that python-bitcoinlib reads."""
import bitcoin.core
from bitcoin.core import b2lx, x

from framework import expect_equal, expect_error, main


def mined(network, count=3):
    node = network.add()
    node.createwallet("w")
    address = node.getnewaddress()
    return node, address, node.generatetoaddress(count, address)


def headers_and_blocks(network):
    node, _, hashes = mined(network)
    expect_equal(len(hashes), 3)
    expect_equal(node.getblockcount(), 3)
    expect_equal(node.getbestblockhash(), hashes[-1])
    genesis = node.getblock(node.getblockhash(0))
    assert "previousblockhash" not in genesis
    expect_equal(genesis["nextblockhash"], hashes[0])
    block = node.getblock(hashes[1])
    header = node.getblockheader(hashes[1])
    for field, value in header.items():
        expect_equal(block[field], value)
    expect_equal(block["height"], 2)
    expect_equal(block["confirmations"], 2)
    expect_equal(block["previousblockhash"], hashes[0])
    expect_equal(block["nextblockhash"], hashes[2])
    expect_equal(block["nTx"], len(block["tx"]))
    full = node.getblock(hashes[1], 2)
    expect_equal([tx["txid"] for tx in full["tx"]], block["tx"])
    info = node.getblockchaininfo()
    expect_equal((info["chain"], info["blocks"], info["headers"]), ("regtest", 3, 3))
    expect_equal(info["bestblockhash"], hashes[-1])
    expect_error(-5, "Block not found", node.getblock, "00" * 32)
    expect_error(-8, "must be of length 64", node.getblock, "00")
    expect_error(-8, "Block height out of range", node.getblockhash, 4)
    expect_error(-8, "Block height out of range", node.getblockhash, -1)


def python_bitcoinlib_round_trip(network):
    node, _, hashes = mined(network)
    for block_hash in [node.getblockhash(0), *hashes]:
        raw = x(node.getblock(block_hash, 0))
        block = bitcoin.core.CBlock.deserialize(raw)
        expect_equal(block.serialize(), raw)
        expect_equal(b2lx(block.GetHash()), block_hash)
        header = x(node.getblockheader(block_hash, False))
        expect_equal(bitcoin.core.CBlockHeader.deserialize(header).serialize(), header)
        expect_equal(len(header), 80)
        expect_equal(block.calc_merkle_root(), block.hashMerkleRoot)
        for tx in node.getblock(block_hash, 2)["tx"]:
            bytes_of_tx = x(tx["hex"])
            parsed = bitcoin.core.CTransaction.deserialize(bytes_of_tx)
            expect_equal(parsed.serialize(), bytes_of_tx)
            expect_equal(b2lx(parsed.GetTxid()), tx["txid"])
            if block_hash != hashes[0]:
                continue
            expect_equal(node.getrawtransaction(tx["txid"]), tx["hex"])
            verbose = node.getrawtransaction(tx["txid"], 1)
            expect_equal(verbose["blockhash"], block_hash)
            expect_equal(verbose["confirmations"], 3)
            decoded = node.decoderawtransaction(tx["hex"])
            expect_equal(decoded["txid"], tx["txid"])


def coins(network):
    node, address, hashes = mined(network)
    coinbase = node.getblock(hashes[0])["tx"][0]
    coin = node.gettxout(coinbase, 0)
    expect_equal(coin["scriptPubKey"]["address"], address)
    expect_equal(str(coin["value"]), "28.00000000")
    expect_equal((coin["coinbase"], coin["confirmations"]), (True, 3))
    expect_equal(node.gettxout(coinbase, 99), None)
    expect_equal(node.gettxout("00" * 32, 0), None)
    expect_error(-5, "No such mempool or blockchain transaction", node.getrawtransaction, "00" * 32)
    expect_error(-22, "TX decode failed", node.decoderawtransaction, "00")
    expect_error(-22, "TX decode failed", node.sendrawtransaction, "zz")
    expect_error(-22, "Block decode failed", node.submitblock, "00")
    assert node.validateaddress(address)["isvalid"]
    assert not node.validateaddress(address[:-1] + ("q" if address[-1] != "q" else "p"))["isvalid"]
    expect_error(-5, "Invalid address", node.generatetoaddress, 1, "nowhere")


def invalidate_and_reconsider(network):
    node, address, hashes = mined(network, 5)
    expect_error(-8, "genesis", node.invalidateblock, node.getblockhash(0))
    node.invalidateblock(hashes[2])
    expect_equal(node.getbestblockhash(), hashes[1])
    tips = {tip["hash"]: tip["status"] for tip in node.getchaintips()}
    expect_equal(tips[hashes[1]], "active")
    expect_equal(tips[hashes[4]], "invalid")
    other = node.generatetoaddress(1, address)[0]
    expect_equal(node.getblockheader(hashes[2])["confirmations"], -1)
    node.reconsiderblock(hashes[2])
    expect_equal(node.getbestblockhash(), hashes[4])
    tips = {tip["hash"]: (tip["status"], tip["branchlen"]) for tip in node.getchaintips()}
    expect_equal(tips[other][1], 1)


def submitted_blocks(network):
    """A block moves from one node to another by hand; every spoiled byte of it is refused."""
    node, _, hashes = mined(network)
    other = network.add()
    for block_hash in hashes:
        sealed = node.getseal(block_hash)["hex"]
        expect_equal(other.submitblock(sealed), None)
        expect_equal(other.submitblock(sealed), "duplicate")
    expect_equal(other.getbestblockhash(), hashes[-1])
    fresh = network.add()
    sealed = bytes.fromhex(node.getseal(hashes[0])["hex"])
    for place in range(0, len(sealed), max(1, len(sealed) // 40)):
        spoiled = bytearray(sealed)
        spoiled[place] ^= 1
        try:
            answer = fresh.submitblock(spoiled.hex())
        except Exception as error:  # noqa: BLE001: a length that no longer fits does not decode
            answer = str(error)
        assert answer is not None, f"byte {place} does not matter"
    expect_equal(fresh.getblockcount(), 0)
    expect_equal(fresh.submitblock(sealed.hex()), None)


if __name__ == "__main__":
    main(headers_and_blocks, python_bitcoinlib_round_trip, coins, invalidate_and_reconsider, submitted_blocks)
