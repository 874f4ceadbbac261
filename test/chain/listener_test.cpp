#include <gtest/gtest.h>

#include "chain/activity.h"

namespace daidd::chain {
namespace {

/// Writes down what it hears: "+24 ab12" connected, "-24 ab12" disconnected, "=24 ab12" the tip.
class Recorder : public Listener {
public:
    explicit Recorder(const Chain& chain) : chain_{chain} {}

    void block_connected(const work::SealedBlock& block, const HeaderInfo& info) override {
        EXPECT_EQ(hash_of(block), info.hash);
        EXPECT_EQ(chain_.snapshot()->tip().hash, info.hash) << "it is committed when they hear of it";
        heard.push_back("+" + name(info));
    }
    void block_disconnected(const work::SealedBlock& block, const HeaderInfo& info) override {
        EXPECT_EQ(hash_of(block), info.hash);
        EXPECT_EQ(chain_.snapshot()->tip().hash, block.block.header.previous);
        heard.push_back("-" + name(info));
    }
    void tip_changed(const HeaderInfo& tip) override {
        EXPECT_EQ(chain_.snapshot()->tip().hash, tip.hash);
        heard.push_back("=" + name(tip));
    }

    static std::string name(const HeaderInfo& info) {
        return std::to_string(info.height) + " " + to_hex(info.hash).substr(0, 8);
    }

    std::vector<std::string> heard;

private:
    const Chain& chain_;
};

class Listening : public testing::Test {
protected:
    void expect(const std::vector<std::string>& events) {
        EXPECT_EQ(recorder.heard, events);
        recorder.heard.clear();
    }
    std::string name(const work::SealedBlock& block) {
        return Recorder::name(chain->snapshot()->find_header(hash_of(block)).value());
    }

    DiskChain chain{base_directory()};
    Recorder recorder{*chain};
};

TEST_F(Listening, HearsDisconnectsThenConnectsThenTheTip) {
    const auto &a = Branches::instance().a, &b = Branches::instance().b;
    chain->add_listener(&recorder);
    chain.submit(a, 0, 2);
    expect({"+" + name(a[0]), "=" + name(a[0]), "+" + name(a[1]), "=" + name(a[1])});
    chain.submit(b, 0, 2);
    chain.submit(a, 0, 1);
    ASSERT_EQ(chain->accept_header(work::sealed_header(b[2]), kNowS), std::nullopt);
    expect({});
    chain.submit(b, 2, 3);
    expect({"-" + name(a[1]), "-" + name(a[0]), "+" + name(b[0]), "+" + name(b[1]), "+" + name(b[2]),
            "=" + name(b[2])});
    chain->invalidate(hash_of(b[1]));
    expect({"-" + name(b[2]), "-" + name(b[1]), "-" + name(b[0]), "+" + name(a[0]), "+" + name(a[1]),
            "=" + name(a[1])});
}

TEST_F(Listening, HearsTheWayBackFromABranchThatFails) {
    const auto& a = Branches::instance().a;
    DiskChain other{base_directory()};
    Sealer sealer{4};
    const auto first = sealer.extend(*other, 1)[0];
    auto broken = sealer.seal(*other);
    ++broken.block.transactions[0].outputs[0].value;
    sealer.finish(broken);
    chain.submit({a[0], first});
    chain->add_listener(&recorder);
    EXPECT_EQ(submit(*chain, broken), "bad-cb-amount");
    // The tip in the end is the one of before, so there is no news of it.
    expect({"-" + name(a[0]), "+" + name(first), "-" + name(first), "+" + name(a[0])});
}

TEST_F(Listening, HearsNothingOnceRemoved) {
    const auto& a = Branches::instance().a;
    Recorder other{*chain};
    chain->add_listener(&recorder);
    chain->add_listener(&other);
    chain.submit(a, 0, 1);
    chain->remove_listener(&recorder);
    chain->remove_listener(&recorder);
    chain.submit(a, 1, 2);
    EXPECT_EQ(recorder.heard.size(), 2u);
    EXPECT_EQ(other.heard.size(), 4u);
}

}  // namespace
}  // namespace daidd::chain
