#include "chain/header_tree.h"

#include <algorithm>
#include <cassert>
#include <mutex>

namespace daidd::chain {

namespace {

constexpr size_t kMedianBlocks = 11;  // BIP113

uint32_t median_time(const consensus::BlockHeader& header, const Node* parent) {
    std::vector<uint32_t> times{header.time};
    for (const Node* at = parent; at != nullptr && times.size() < kMedianBlocks; at = at->parent) {
        times.push_back(at->header.time);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

uint32_t clear_lowest_bit(uint32_t number) { return number & (number - 1); }

/// Where a node's skip pointer leads: heights whose low bits are cleared, as in a deterministic skip list.
uint32_t skip_height(uint32_t height) {
    if (height < 2) return 0;
    return (height & 1) != 0 ? clear_lowest_bit(clear_lowest_bit(height - 1)) + 1 : clear_lowest_bit(height);
}

}  // namespace

const Node& ancestor(const Node& node, uint32_t height) {
    assert(height <= node.height);
    const Node* at = &node;
    while (at->height > height) {
        at = at->skip != nullptr && at->skip->height >= height ? at->skip : at->parent;
    }
    return *at;
}

const Node& common_ancestor(const Node& a, const Node& b) {
    const uint32_t height = std::min(a.height, b.height);
    const Node* left = &ancestor(a, height);
    const Node* right = &ancestor(b, height);
    while (left != right) {
        const bool skips = left->skip != nullptr && left->skip != right->skip;
        left = skips ? left->skip : left->parent;
        right = skips ? right->skip : right->parent;
    }
    return *left;
}

HeaderInfo HeaderTree::make_info(const Node& node) {
    HeaderInfo info;
    info.header = node.header;
    info.hash = node.hash;
    info.height = node.height;
    info.work = node.work;
    info.beacon = node.beacon;
    info.median_time_past = node.median_time_past;
    info.have_block = node.have_block;
    info.failed = node.failed;
    return info;
}

Node* HeaderTree::place(Node made) {
    const std::unique_lock lock{mutex_};
    auto owned = std::make_unique<Node>(std::move(made));
    Node* node = owned.get();
    const bool is_new = nodes_.emplace(node->hash, std::move(owned)).second;
    assert(is_new);
    leaves_.insert(node);
    if (node->parent != nullptr) {
        nodes_.at(node->parent->hash)->children.push_back(node);
        leaves_.erase(node->parent);
    }
    if (!node->have_block) ++uncredited_;
    return node;
}

Node* HeaderTree::add_genesis(const consensus::BlockHeader& header) {
    Node node;
    node.header = header;
    node.hash = consensus::block_hash(header);
    node.beacon = work::genesis_beacon(node.hash);
    node.median_time_past = header.time;
    node.have_block = node.complete = true;
    return place(std::move(node));
}

Node* HeaderTree::add(const consensus::BlockHeader& header, const Hash256& hash, const Hash256& beacon,
                      const Node& parent) {
    const auto target = consensus::target_from_bits(header.bits);
    assert(target);
    Node node;
    node.header = header;
    node.hash = hash;
    node.beacon = beacon;
    node.height = parent.height + 1;
    node.median_time_past = median_time(header, &parent);
    node.own_work = consensus::work_of(*target);
    node.parent = &parent;
    node.skip = &ancestor(parent, skip_height(node.height));
    node.work = parent.work;
    node.failed = parent.failed;
    return place(std::move(node));
}

Node* HeaderTree::find(const Hash256& hash) {
    const std::shared_lock lock{mutex_};
    const auto found = nodes_.find(hash);
    return found == nodes_.end() ? nullptr : found->second.get();
}

std::optional<HeaderInfo> HeaderTree::find_info(const Hash256& hash) const {
    const std::shared_lock lock{mutex_};
    const auto found = nodes_.find(hash);
    if (found == nodes_.end()) return std::nullopt;
    return make_info(*found->second);
}

HeaderInfo HeaderTree::info(const Node& node) const {
    const std::shared_lock lock{mutex_};
    return make_info(node);
}

std::vector<HeaderInfo> HeaderTree::tips(const Node& best) const {
    const std::shared_lock lock{mutex_};
    std::vector<const Node*> ends(leaves_.begin(), leaves_.end());
    if (!leaves_.contains(&best)) ends.push_back(&best);
    std::sort(ends.begin(), ends.end(), Better{});
    // The active tip comes first even where headers without blocks, or a failed branch, count as much.
    std::stable_partition(ends.begin(), ends.end(), [&](const Node* node) { return node == &best; });
    std::vector<HeaderInfo> list;
    list.reserve(ends.size());
    for (const Node* node : ends) list.push_back(make_info(*node));
    return list;
}

std::vector<const Node*> HeaderTree::subtree(const Node& node) const {
    std::vector<const Node*> list{&node};
    for (size_t i = 0; i < list.size(); ++i) {
        list.insert(list.end(), list[i]->children.begin(), list[i]->children.end());
    }
    return list;
}

std::vector<const Node*> HeaderTree::complete_nodes() const {
    std::vector<const Node*> list;
    for (const auto& [hash, node] : nodes_) {
        if (node->complete && !node->failed) list.push_back(node.get());
    }
    return list;
}

void HeaderTree::refresh(Node& node) {
    if (node.parent == nullptr) return;
    const Node& parent = *node.parent;
    node.work = node.have_block ? parent.work + node.own_work : parent.work;
    const bool complete = parent.complete && node.have_block;
    if (complete && !node.complete) node.sequence = next_sequence_++;
    node.complete = complete;
    node.failed = parent.failed || node.broken;
}

std::vector<const Node*> HeaderTree::set_have_block(Node& node, bool have) {
    const std::unique_lock lock{mutex_};
    assert(node.parent != nullptr);
    if (have != node.have_block) uncredited_ += have ? size_t(-1) : size_t{1};
    node.have_block = have;
    std::vector<const Node*> complete;
    std::vector<Node*> list{&node};
    for (size_t i = 0; i < list.size(); ++i) {
        Node& at = *list[i];
        refresh(at);
        if (at.complete && !at.failed) complete.push_back(&at);
        list.insert(list.end(), at.children.begin(), at.children.end());
    }
    return complete;
}

std::vector<const Node*> HeaderTree::set_broken(Node& node, bool broken) {
    const std::unique_lock lock{mutex_};
    assert(node.parent != nullptr);
    std::vector<const Node*> changed;
    std::vector<Node*> list{&node};
    for (size_t i = 0; i < list.size(); ++i) {
        Node& at = *list[i];
        if (&at == &node || !broken) {
            if (at.broken != broken) changed.push_back(&at);
            at.broken = broken;
        }
        refresh(at);
        list.insert(list.end(), at.children.begin(), at.children.end());
    }
    return changed;
}

void HeaderTree::limit_uncredited() {
    const std::unique_lock lock{mutex_};
    if (uncredited_ <= kUncreditedMax) return;
    std::vector<const Node*> ends(leaves_.begin(), leaves_.end());
    for (const Node* end : ends) {
        while (!end->have_block && end->children.empty()) {
            Node& parent = *nodes_.at(end->parent->hash);
            std::erase(parent.children, end);
            leaves_.erase(end);
            nodes_.erase(Hash256{end->hash});
            --uncredited_;
            if (parent.children.empty()) leaves_.insert(&parent);
            end = &parent;
        }
    }
}

}  // namespace daidd::chain
