#include <algorithm>
#include <cassert>

#include "chain/stored_chain.h"

namespace daidd::chain {
namespace {

Bytes u32_bytes(uint32_t value) {
    Writer writer;
    writer(value);
    return writer.take();
}

struct Stored {
    Hash256 hash{};
    IndexRecord record;
};

/// By height, so that parents come first; then by hash, so that the order is always the same.
std::vector<Stored> read_index(const store::Transaction& transaction) {
    std::vector<Stored> list;
    transaction.for_each(kIndex, {}, [&](ByteView key, ByteView value) {
        Stored stored;
        if (key.size() != stored.hash.size()) throw_corrupt("index key");
        std::copy(key.begin(), key.end(), stored.hash.begin());
        stored.record = decode_stored<IndexRecord>(value, "index record");
        list.push_back(std::move(stored));
        return true;
    });
    std::ranges::sort(list, [](const Stored& a, const Stored& b) {
        return std::tie(a.record.height, a.hash) < std::tie(b.record.height, b.hash);
    });
    return list;
}

}  // namespace

Rejection rejection_of(const consensus::Broken& broken) {
    return {std::string{broken.token}, broken.detail, broken.token != "time-too-new"};
}

Result<std::unique_ptr<Chain>, std::string> Chain::open(store::Database& database,
                                                        const consensus::Params& params) {
    auto chain = std::make_unique<StoredChain>(database, params);
    if (auto error = chain->load()) return Fail{*std::move(error)};
    chain->finish_interrupted();
    return std::unique_ptr<Chain>{std::move(chain)};
}

StoredChain::StoredChain(store::Database& database, const consensus::Params& params)
    : database_{database}, params_{params} {}

std::optional<std::string> StoredChain::load() {
    const consensus::Block genesis = consensus::genesis_block(params_);
    genesis_ = tree_->add_genesis(genesis.header);
    const bool is_new = !store::ReadTransaction{database_}.contains(kMeta, as_bytes("version"));
    if (is_new) {
        database_.write([&](store::WriteTransaction& transaction) {
            transaction.put(kMeta, as_bytes("version"), u32_bytes(kStoreVersion));
            transaction.put(kMeta, as_bytes("genesis"), genesis_->hash);
            transaction.put(kMeta, as_bytes("tip"), genesis_->hash);
            work::SealedBlock sealed;
            sealed.block = genesis;
            transaction.put(kBodies, genesis_->hash, encode(sealed));
        });
    }
    const store::ReadTransaction transaction{database_};
    const auto version = transaction.get(kMeta, as_bytes("version"));
    if (!version || !std::ranges::equal(*version, u32_bytes(kStoreVersion))) {
        return "the chain's database has another version than this program's";
    }
    const auto stored_genesis = transaction.get(kMeta, as_bytes("genesis"));
    if (!stored_genesis || !std::ranges::equal(*stored_genesis, genesis_->hash)) {
        return "the database belongs to another chain: its genesis block is " +
               (stored_genesis && stored_genesis->size() == 32
                    ? to_hex(Bytes(stored_genesis->rbegin(), stored_genesis->rend()))
                    : "unreadable") +
               ", this spec's is " + to_hex_reversed(genesis_->hash);
    }
    for (const auto& [hash, record] : read_index(transaction)) {
        const Node* parent = tree_->find(record.header.previous);
        if (parent == nullptr || parent->height + 1 != record.height ||
            consensus::block_hash(record.header) != hash) {
            throw_corrupt("index record");
        }
        Node* node = tree_->add(record.header, hash, record.beacon, *parent);
        if (record.have_block != 0) tree_->set_have_block(*node, true);
        if (record.broken != 0) tree_->set_broken(*node, true);
    }
    tip_ = tree_->find(read_tip(transaction));
    if (tip_ == nullptr) throw_corrupt("tip");
    // A restart does not change who was seen first: the stored tip stays before its equals.
    for (Node* node = tip_; node != genesis_; node = tree_->find(node->parent->hash)) {
        tree_->set_sequence(*node, 0);
    }
    for (const Node* node : tree_->complete_nodes()) candidates_.insert(node);
    candidates_.insert(genesis_);
    return std::nullopt;
}

void StoredChain::finish_interrupted() {
    const std::lock_guard lock{mutex_};
    activate_best();
}

std::shared_ptr<const Snapshot> StoredChain::snapshot() const {
    return std::make_shared<StoredSnapshot>(database_, tree_);
}

void StoredChain::add_listener(Listener* listener) {
    const std::lock_guard lock{listeners_mutex_};
    listeners_.push_back(listener);
}

void StoredChain::remove_listener(Listener* listener) {
    // A block that is being connected may be telling it right now.
    const std::lock_guard chain_lock{mutex_};
    const std::lock_guard lock{listeners_mutex_};
    std::erase(listeners_, listener);
}

void StoredChain::tell(const std::function<void(Listener&)>& event) {
    std::vector<Listener*> listeners;
    {
        const std::lock_guard lock{listeners_mutex_};
        listeners = listeners_;
    }
    for (Listener* listener : listeners) event(*listener);
}

}  // namespace daidd::chain
