#include "mempool/graph.h"

#include <algorithm>
#include <cassert>

namespace daidd::mempool {

Facts facts_of(const Transaction& tx) {
    Facts facts;
    facts.bytes = encode(tx).size();
    facts.commands_bytes = consensus::commands_bytes(tx);
    for (const auto& output : tx.outputs) {
        const auto push = consensus::parse_command(output.script);
        if (!push || push->type != uint8_t(consensus::CommandType::kReceipt)) continue;
        const auto receipt = decode<consensus::ReceiptCommand>(push->payload);
        assert(receipt);  // check_transaction
        facts.jobs.push_back(receipt->job);
    }
    return facts;
}

const Node* Graph::find(const Hash256& txid) const {
    const auto found = nodes_.find(txid);
    return found == nodes_.end() ? nullptr : &found->second;
}

std::optional<Hash256> Graph::spender_of(const consensus::OutPoint& outpoint) const {
    const auto found = spenders_.find(outpoint);
    if (found == spenders_.end()) return std::nullopt;
    return found->second;
}

std::optional<Hash256> Graph::receipt_of(const Hash256& job) const {
    const auto found = receipts_.find(job);
    if (found == receipts_.end()) return std::nullopt;
    return found->second;
}

std::vector<const Node*> Graph::ordered() const {
    std::vector<const Node*> all;
    all.reserve(order_.size());
    for (const auto& [sequence, txid] : order_) all.push_back(find(txid));
    return all;
}

std::vector<Hash256> Graph::txids() const {
    std::vector<Hash256> ids;
    ids.reserve(order_.size());
    for (const auto& [sequence, txid] : order_) ids.push_back(txid);
    return ids;
}

std::vector<const Node*> Graph::reach(const std::set<Hash256>& from, std::set<Hash256> Node::*side) const {
    std::map<uint64_t, const Node*> reached;
    std::vector<const Node*> open;
    const auto visit = [&](const Hash256& txid) {
        const Node* node = find(txid);
        assert(node != nullptr);
        if (reached.emplace(node->sequence, node).second) open.push_back(node);
    };
    for (const auto& txid : from) visit(txid);
    while (!open.empty()) {
        const Node* node = open.back();
        open.pop_back();
        for (const auto& txid : node->*side) visit(txid);
    }
    std::vector<const Node*> nodes;
    for (const auto& [sequence, node] : reached) nodes.push_back(node);
    return nodes;
}

std::vector<const Node*> Graph::ancestors_of(const Transaction& tx) const {
    std::set<Hash256> parents;
    for (const auto& input : tx.inputs) {
        if (find(input.previous.txid) != nullptr) parents.insert(input.previous.txid);
    }
    return reach(parents, &Node::parents);
}

std::vector<const Node*> Graph::descendants_of(const Hash256& txid) const {
    const Node* node = find(txid);
    if (node == nullptr) return {};
    return reach(node->children, &Node::children);
}

std::optional<std::string> Graph::too_long(size_t vsize, const std::vector<const Node*>& ancestors) const {
    if (ancestors.empty()) return std::nullopt;  // alone it is bounded by kTxWeightMax
    const auto over = [](std::string_view what, size_t value, size_t max) {
        return std::string(what) + " " + std::to_string(value) + ", at most " + std::to_string(max);
    };
    if (ancestors.size() + 1 > kAncestorsMax) return over("ancestors", ancestors.size() + 1, kAncestorsMax);
    size_t together = vsize;
    for (const Node* ancestor : ancestors) together += ancestor->entry.vsize;
    if (together > kAncestorsVsizeMax) return over("ancestors' size", together, kAncestorsVsizeMax);
    for (const Node* ancestor : ancestors) {
        const Family& family = ancestor->descendants;
        if (family.count + 1 > kDescendantsMax) return over("descendants", family.count + 1, kDescendantsMax);
        if (family.vsize + vsize > kDescendantsVsizeMax) {
            return over("descendants' size", family.vsize + vsize, kDescendantsVsizeMax);
        }
    }
    return std::nullopt;
}

void Graph::add(Entry entry, Facts facts) {
    const Hash256 txid = entry.txid;
    const auto ancestors = ancestors_of(*entry.tx);
    const auto [place, fresh] = nodes_.emplace(txid, Node{});
    assert(fresh);
    Node& node = place->second;
    node.sequence = next_sequence_++;
    node.descendants = {1, entry.vsize, entry.fee};
    for (const auto& input : entry.tx->inputs) {
        const bool free = spenders_.emplace(input.previous, txid).second;
        assert(free);
        if (find(input.previous.txid) == nullptr) continue;
        node.parents.insert(input.previous.txid);
        at(input.previous.txid).children.insert(txid);
    }
    for (const auto& job : facts.jobs) {
        const bool open = receipts_.emplace(job, txid).second;
        assert(open);
    }
    for (const Node* ancestor : ancestors) {
        scores_.erase(score_of(*ancestor));
        Family& family = at(ancestor->entry.txid).descendants;
        family = {family.count + 1, family.vsize + entry.vsize, family.fees + entry.fee};
        scores_.insert(score_of(*ancestor));
    }
    totals_.count += 1;
    totals_.bytes += facts.bytes;
    totals_.vsize += entry.vsize;
    totals_.fees += entry.fee;
    order_.emplace(node.sequence, txid);
    ages_.emplace(entry.time_s, node.sequence);
    node.entry = std::move(entry);
    node.facts = std::move(facts);
    scores_.insert(score_of(node));
}

void Graph::remove_leaf(const Hash256& txid) {
    const Node& node = at(txid);
    assert(node.children.empty());
    const Entry& entry = node.entry;
    for (const Node* ancestor : ancestors_of(*entry.tx)) {
        scores_.erase(score_of(*ancestor));
        Family& family = at(ancestor->entry.txid).descendants;
        family = {family.count - 1, family.vsize - entry.vsize, family.fees - entry.fee};
        scores_.insert(score_of(*ancestor));
    }
    for (const auto& parent : node.parents) at(parent).children.erase(txid);
    for (const auto& input : entry.tx->inputs) spenders_.erase(input.previous);
    for (const auto& job : node.facts.jobs) receipts_.erase(job);
    totals_.count -= 1;
    totals_.bytes -= node.facts.bytes;
    totals_.vsize -= entry.vsize;
    totals_.fees -= entry.fee;
    order_.erase(node.sequence);
    ages_.erase({entry.time_s, node.sequence});
    scores_.erase(score_of(node));
    nodes_.erase(txid);
}

std::vector<Entry> Graph::remove(const Hash256& txid) {
    std::vector<Entry> removed;
    const Node* node = find(txid);
    if (node == nullptr) return removed;
    auto family = descendants_of(txid);
    family.insert(family.begin(), node);
    for (auto member = family.rbegin(); member != family.rend(); ++member) {
        removed.push_back((*member)->entry);
        remove_leaf(removed.back().txid);
    }
    return removed;
}

const Node& Graph::worst() const {
    assert(!scores_.empty());
    return nodes_.at(scores_.begin()->txid);
}

const Node& Graph::oldest() const {
    assert(!ages_.empty());
    return nodes_.at(order_.at(ages_.begin()->second));
}

}  // namespace daidd::mempool
