#pragma once

#include <atomic>
#include <mutex>
#include <set>

#include "chain/header_tree.h"
#include "chain/snapshot.h"

namespace daidd::chain {

/// The chain in a database. One writer at a time holds `mutex_`; readers take snapshots.
/// The candidates are all nodes that are complete and not failed, so the first of them is the best tip.
class StoredChain final : public Chain {
public:
    StoredChain(store::Database& database, const consensus::Params& params);

    /// Loads what is stored, or stores the genesis block; the reason this is not our database.
    std::optional<std::string> load();
    /// A process that died between a block's storing and its connecting, or in the middle of a
    /// reorganisation, left a tip that is not the best there is, or one that is marked as broken.
    void finish_interrupted();

    const consensus::Params& params() const override { return params_; }
    std::shared_ptr<const Snapshot> snapshot() const override;
    SubmitResult submit(const work::SealedBlock& block, int64_t now_s) override;
    std::optional<Rejection> accept_header(const work::SealedHeader& header, int64_t now_s) override;
    WorkTemplate work_template() const override;
    Result<consensus::Block, Rejection> make_block(const work::SealContext& context, const work::Seal& seal,
                                                   const std::vector<consensus::Transaction>& transactions,
                                                   int64_t now_s) const override;
    bool invalidate(const Hash256& hash) override;
    bool reconsider(const Hash256& hash) override;
    void add_listener(Listener* listener) override;
    void remove_listener(Listener* listener) override;

private:
    // submit.cpp
    /// The parent of a new header, if it may have children.
    Result<const Node*, Rejection> find_parent(const consensus::BlockHeader& header);
    std::optional<Rejection> check_sealed_header(const work::SealedHeader& sealed, const Node& parent,
                                                 int64_t now_s) const;
    std::optional<Rejection> check_credit(const work::SealedBlock& block, const Node& parent,
                                          int64_t now_s) const;
    work::SealContext seal_context(const Node& parent, const consensus::BlockHeader& header,
                                   const consensus::Transaction& coinbase) const;
    Node& place(const work::SealedHeader& sealed, const Hash256& hash, const Node& parent);
    void store_block(Node& node, const work::SealedBlock& block);

    // activate.cpp
    /// Makes the best candidate the tip. Blocks that turn out to break a rule are marked on the way.
    void activate_best();
    void disconnect_tip();
    /// Nothing, or the rule that the block breaks; then nothing has changed.
    std::optional<Rejection> connect(Node& node);
    std::optional<Rejection> check_connection(const work::SealedBlock& block, const Node& node,
                                              const StoredState& state, ledger::Overlay& overlay) const;
    void mark_broken(Node& node, bool broken);
    /// Its header stays; body, seal and witness go, and with them the credit of its work.
    void forget_block(Node& node);
    void drop_failed_candidates(const Node& node);
    void tell(const std::function<void(Listener&)>& event);

    store::Database& database_;
    const consensus::Params params_;
    std::shared_ptr<HeaderTree> tree_ = std::make_shared<HeaderTree>();

    std::mutex mutex_;
    Node* genesis_ = nullptr;
    Node* tip_ = nullptr;
    std::set<const Node*, Better> candidates_;
    /// The rule that a block broke when it was last connected, for whoever submitted it.
    std::map<Hash256, Rejection> verdicts_;

    std::mutex listeners_mutex_;
    std::vector<Listener*> listeners_;
};

/// Broken rules that are nobody's fault: they may pass later.
Rejection rejection_of(const consensus::Broken& broken);

}  // namespace daidd::chain
