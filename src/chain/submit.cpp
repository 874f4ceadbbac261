#include <cassert>

#include "chain/stored_chain.h"

namespace daidd::chain {
namespace {

Rejection refused(const work::Refused& refusal) { return {"seal: " + refusal.step, {}}; }

SubmitResult rejected(Rejection rejection) { return {SubmitStatus::kRejected, std::move(rejection)}; }

}  // namespace

Result<const Node*, Rejection> StoredChain::find_parent(const consensus::BlockHeader& header) {
    const Node* parent = tree_->find(header.previous);
    if (parent == nullptr) {
        return Fail{Rejection{"prev-blk-not-found", to_hex_reversed(header.previous), false}};
    }
    if (parent->failed) return Fail{Rejection{"bad-prevblk", to_hex_reversed(header.previous)}};
    return parent;
}

work::SealContext StoredChain::seal_context(const Node& parent, const consensus::BlockHeader& header,
                                            const consensus::Transaction& coinbase) const {
    work::SealContext context;
    context.parent_hash = parent.hash;
    context.miner = consensus::miner_key(coinbase);
    context.seal_root = consensus::coinbase_commitment(coinbase).seal_root;
    context.target = *consensus::target_from_bits(header.bits);
    context.height = parent.height + 1;
    for (const Node* at = &parent; at != nullptr && context.beacons.size() < work::kBeaconsMax;
         at = at->parent) {
        context.beacons.push_back(at->beacon);
    }
    return context;
}

std::optional<Rejection> StoredChain::check_sealed_header(const work::SealedHeader& sealed,
                                                          const Node& parent, int64_t now_s) const {
    consensus::HeaderContext context;
    context.height = parent.height + 1;
    context.parent_hash = parent.hash;
    context.parent_time = parent.header.time;
    context.median_time_past = parent.median_time_past;
    context.anchor_time = parent.height >= 1 ? ancestor(parent, 1).header.time : 0;
    context.now_s = now_s;
    if (const auto broken = consensus::check_header(sealed.header, context, params_))
        return rejection_of(*broken);
    // What the coinbase says counts only once the header is known to commit to it.
    if (consensus::root_over_coinbase(consensus::txid(sealed.coinbase), sealed.coinbase_path) !=
        sealed.header.merkle_root) {
        return Rejection{"bad-txnmrklroot", "the header does not commit to this coinbase"};
    }
    if (const auto broken = consensus::check_coinbase_form(sealed.coinbase)) return rejection_of(*broken);
    if (!crypto::verify(consensus::miner_key(sealed.coinbase), work::header_message(sealed.header),
                        sealed.signature)) {
        return Rejection{"bad-header-signature", "not by the miner key"};
    }
    const auto seal = seal_context(parent, sealed.header, sealed.coinbase);
    if (const auto refusal = work::check_seal_header(params_, seal, sealed.seal)) return refused(*refusal);
    return std::nullopt;
}

std::optional<Rejection> StoredChain::check_credit(const work::SealedBlock& block, const Node& parent,
                                                   int64_t now_s) const {
    if (block.block.transactions.empty()) return Rejection{"bad-blk-length", "no transactions"};
    const auto sealed = work::sealed_header(block);
    if (auto rejection = check_sealed_header(sealed, parent, now_s)) return rejection;
    const auto context = seal_context(parent, sealed.header, sealed.coinbase);
    if (const auto refusal = work::check_seal(params_, context, block.seal, block.witness))
        return refused(*refusal);
    return std::nullopt;
}

Node& StoredChain::place(const work::SealedHeader& sealed, const Hash256& hash, const Node& parent) {
    return *tree_->add(sealed.header, hash, work::next_beacon(parent.beacon, sealed.seal.ticket), parent);
}

std::optional<Rejection> StoredChain::accept_header(const work::SealedHeader& sealed, int64_t now_s) {
    const std::lock_guard lock{mutex_};
    const Hash256 hash = consensus::block_hash(sealed.header);
    if (const Node* known = tree_->find(hash)) {
        if (known->failed) return Rejection{"duplicate-invalid", to_hex_reversed(hash)};
        return std::nullopt;
    }
    const auto parent = find_parent(sealed.header);
    if (!parent) return parent.error();
    if (auto rejection = check_sealed_header(sealed, **parent, now_s)) return rejection;
    place(sealed, hash, **parent);
    tree_->limit_uncredited();
    return std::nullopt;
}

void StoredChain::store_block(Node& node, const work::SealedBlock& block) {
    IndexRecord record;
    record.header = node.header;
    record.height = node.height;
    record.beacon = node.beacon;
    record.have_block = 1;
    const Bytes body = encode(block);
    const Bytes sealed = encode(work::sealed_header(block));
    database_.write([&](store::WriteTransaction& transaction) {
        transaction.put(kIndex, node.hash, encode(record));
        transaction.put(kBodies, node.hash, body);
        transaction.put(kSealed, node.hash, sealed);
        crash_point("store-before-commit");
    });
    crash_point("store-after-commit");
    for (const Node* complete : tree_->set_have_block(node, true)) candidates_.insert(complete);
}

SubmitResult StoredChain::submit(const work::SealedBlock& block, int64_t now_s) {
    const std::lock_guard lock{mutex_};
    const Hash256 hash = consensus::block_hash(block.block.header);
    Node* node = tree_->find(hash);
    if (node != nullptr && node->failed) return rejected({"duplicate-invalid", to_hex_reversed(hash)});
    if (node != nullptr && node->have_block) return {SubmitStatus::kDuplicate, std::nullopt};
    const auto parent = find_parent(block.block.header);
    if (!parent) return rejected(parent.error());
    if (auto rejection = check_credit(block, **parent, now_s)) return rejected(*std::move(rejection));

    // The work is credited. A body that is not the header's own says nothing of the header; one that is
    // and breaks a rule ends this branch.
    const auto broken = consensus::check_block(block.block, params_);
    if (broken && consensus::is_mutation(*broken)) return rejected(rejection_of(*broken));
    if (node == nullptr) node = &place(work::sealed_header(block), hash, **parent);
    store_block(*node, block);
    verdicts_.erase(hash);  // of an earlier copy
    if (broken) {
        mark_broken(*node, true);
        return rejected(rejection_of(*broken));
    }
    activate_best();
    const auto verdict = verdicts_.find(hash);
    if (verdict != verdicts_.end()) return rejected(verdict->second);
    if (node->failed) return rejected({"bad-prevblk", to_hex_reversed(block.block.header.previous)});
    const bool connected = node->height <= tip_->height && &ancestor(*tip_, node->height) == node;
    return {connected ? SubmitStatus::kConnected : SubmitStatus::kStored, std::nullopt};
}

}  // namespace daidd::chain
