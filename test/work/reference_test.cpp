#include <gtest/gtest.h>

#include "inference/noised.h"
#include "work/bytes.h"
#include "work/reference_toy.h"
#include "work/vectors.h"

namespace daidd::work {
namespace {

using consensus::Uint256;

const ReferenceChain& chain() {
    static const ReferenceChain instance;
    return instance;
}

TEST(Reference, StepsAndSlices) {
    for (const auto& [k, step] : poui_vectors().at("step_for").items())
        EXPECT_EQ(inference::step_for(uint32_t(std::stoul(k))), step.get<uint32_t>()) << k;
    for (const auto& [k, expected] : poui_vectors().at("slices").items()) {
        std::vector<Slice> list;
        for (const auto& slice : expected) list.push_back({slice[0], slice[1]});
        EXPECT_EQ(slices(uint32_t(std::stoul(k))), list) << k;
    }
    EXPECT_EQ(slices(32'768).size(), 8u);
    EXPECT_FALSE(gives_tickets({.start = 4096, .columns = 1}));
    EXPECT_TRUE(gives_tickets({.start = 0, .columns = 576}));
    EXPECT_FALSE(gives_tickets({.start = 0, .columns = 580}));
}

TEST(Reference, ModelAndCorpusRoots) {
    EXPECT_EQ(chain().toy.manifest().encode(), bytes_from(poui_vectors().at("manifest")));
    EXPECT_EQ(chain().toy.root(), hash_from(poui_vectors().at("model_root")));
    EXPECT_EQ(corpus_root(chain().corpora[0]), hash_from(poui_vectors().at("corpus_root")));
}

TEST(Reference, SealsAreAccepted) {
    const auto& seals = poui_vectors().at("seals");
    ASSERT_EQ(seals.size(), 2u);
    for (const auto& object : seals) {
        const Sealed sealed = sealed_from(object);
        EXPECT_EQ(encode(sealed.seal), bytes_from(object.at("seal_bytes")));
        EXPECT_EQ(seal_root(sealed.seal), sealed.context.seal_root);
        EXPECT_EQ(verdict(chain().params, sealed), "ok");
    }
}

TEST(Reference, BoundDoesNotOverflow) {
    const Uint256 most = ~Uint256{0};
    EXPECT_TRUE(wins(most.to_bytes(), most, 4096));
    // 2^236 − 1 is the highest target: 256 · 4096 · target is just below 2^256.
    const Uint256 cap = (Uint256{1} << 236) - 1;
    const Uint256 bound = (cap << 20);
    EXPECT_TRUE(wins(bound.to_bytes(), cap, 4096));
    EXPECT_FALSE(wins((bound + 1).to_bytes(), cap, 4096));
    EXPECT_TRUE(wins(Uint256{256 * 72}.to_bytes(), 1, 72));
    EXPECT_FALSE(wins(Uint256{256 * 72 + 1}.to_bytes(), 1, 72));
}

/// T as a full product, and what is left once the noise is taken off.
struct Product {
    std::array<int64_t, 256> noised{}, peeled{}, clean{};
    std::vector<uint32_t> words;
};
Product multiply(const ReferenceUnit& unit, const ReferenceTicket& ticket) {
    const auto [tensor, linear, plane] = chain().toy.manifest().operations[ticket.place.op];
    const size_t row_bytes = unit.run.row_bytes[tensor];
    const ByteView codes = ByteView{unit.run.tensors[tensor]}.subspan(ticket.place.group * 16 * row_bytes);
    const auto weights = chain().toy.weights(linear, ticket.tile);
    const size_t k = ticket.k, r = ticket.noise.size() / 16;
    Product product;
    for (size_t step = 0; step < k; step += r) {
        uint32_t word = 0;
        for (size_t u = 0; u < 16; ++u) {
            uint32_t folded = 0;
            for (size_t v = 0; v < 16; ++v) {
                for (size_t t = step; t < step + r; ++t) {
                    const int64_t code = int8_t(codes[u * row_bytes + t]), w = weights[v * k + t];
                    product.clean[u * 16 + v] += code * w;
                    product.noised[u * 16 + v] += (code + ticket.noise[u * r + t - step]) * w;
                }
                folded ^= uint32_t(product.noised[u * 16 + v]);
            }
            word ^= std::rotl(folded, int(u));
        }
        product.words.push_back(word);
    }
    // X[q] = Σ over t ≡ q mod r of W[t], a constant of the model.
    product.peeled = product.noised;
    for (size_t v = 0; v < 16; ++v) {
        for (size_t q = 0; q < r; ++q) {
            int64_t x = 0;
            for (size_t t = q; t < k; t += r) x += weights[v * k + t];
            for (size_t u = 0; u < 16; ++u) product.peeled[u * 16 + v] -= ticket.noise[u * r + q] * x;
        }
    }
    return product;
}

struct Wins {
    uint64_t tickets = 0;
    uint64_t won = 0;
};

/// The lane of 81 units that the reference program mines: a block, and one more receipt up to four, every
/// ten units.
struct Mined {
    std::vector<ReferenceUnit> units;
    std::vector<std::pair<Sealed, ReferenceTicket>> sealed;
    std::array<Wins, 3> by_op;
    std::array<uint64_t, 16> nibbles{};
};
const Mined& mined() {
    static const Mined instance = [] {
        Mined lane;
        const Uint256 target = ~Uint256{0} / (256 * 72 * 12);
        const UnitPreimage base{.model = chain().toy.root(), .miner = toy_hash("miner"), .lane = 3};
        std::vector<Hash256> beacons;
        std::vector<Pool> pools;
        for (size_t seq = 0; seq < 81; ++seq) {
            if (seq % 10 == 0) {
                const Hash256 beacon = beacons.empty()
                                           ? genesis_beacon(toy_hash("genesis"))
                                           : next_beacon(beacons[0], lane.sealed.back().first.seal.ticket);
                beacons.insert(beacons.begin(), beacon);
                pools.insert(pools.begin(), chain().pool_of(std::min<size_t>(4, 1 + seq / 10)));
                beacons.resize(std::min<size_t>(5, beacons.size()));
                pools.resize(beacons.size());
            }
            lane.units.push_back(next_unit(chain(), base, beacons[0], pools[0], lane.units));
            if (seq == 0) continue;
            Sealed sealed;
            Bytes block = {'b', 'l', 'o', 'c', 'k'};
            block.insert(block.end(), beacons[0].begin(), beacons[0].end());
            sealed.context = {.parent_hash = toy_hash(as_text(block)),
                              .miner = base.miner,
                              .seal_root = {},
                              .target = target,
                              .height = 0,
                              .beacons = beacons};
            sealed.pools = pools;
            for (const ReferenceTicket& ticket :
                 tickets_of(chain(), lane.units.back(), sealed.context.parent_hash)) {
                Wins& count = lane.by_op[ticket.place.op];
                ++count.tickets;
                ++lane.nibbles[ticket.ticket[31] >> 4];
                if (!wins(ticket.ticket, target, ticket.k)) continue;
                ++count.won;
                Win win = seal_for(chain(), lane.units, ticket);
                sealed.seal = win.seal;
                sealed.witness = std::move(win.witness);
                sealed.context.seal_root = seal_root(sealed.seal);
                lane.sealed.emplace_back(sealed, ticket);
            }
        }
        return lane;
    }();
    return instance;
}

TEST(Reference, WholeLaneIsAccepted) {
    ASSERT_GT(mined().sealed.size(), 100u);
    for (const auto& [sealed, ticket] : mined().sealed) EXPECT_EQ(verdict(chain().params, sealed), "ok");
}

TEST(Reference, LaneContainsTheSealsOfTheVectors) {
    for (const auto& object : poui_vectors().at("seals")) {
        const Sealed expected = sealed_from(object);
        const auto& list = mined().sealed;
        const auto found = std::find_if(list.begin(), list.end(),
                                        [&](const auto& entry) { return entry.first.seal == expected.seal; });
        ASSERT_NE(found, list.end());
        EXPECT_EQ(encode(found->first.witness), encode(expected.witness));
        EXPECT_EQ(found->first.context.parent_hash, expected.context.parent_hash);
        EXPECT_EQ(found->first.context.beacons, expected.context.beacons);
        EXPECT_EQ(found->first.context.target, expected.context.target);
    }
}

TEST(Reference, TileIsTheVector) {
    const auto& tile = poui_vectors().at("tile");
    const Sealed padded = sealed_from(poui_vectors().at("seals")[1]);
    for (const auto& [sealed, ticket] : mined().sealed) {
        if (!(sealed.seal == padded.seal)) continue;
        EXPECT_EQ(ticket.seed, hash_from(tile.at("seed")));
        std::vector<uint8_t> noise;
        for (const auto& row : tile.at("E")) {
            for (const auto& number : row) noise.push_back(number.get<uint8_t>());
        }
        EXPECT_EQ(ticket.noise, noise);
        EXPECT_EQ(ticket.words, tile.at("words").get<std::vector<uint32_t>>());
        EXPECT_EQ(ticket.ticket, hash_from(tile.at("ticket")));
        return;
    }
    FAIL() << "the lane has no such seal";
}

TEST(Reference, PeelIsExact) {
    for (size_t seq : {1, 2, 40}) {
        const ReferenceUnit& unit = mined().units[seq];
        for (const ReferenceTicket& ticket : tickets_of(chain(), unit, toy_hash("parent"))) {
            const Product product = multiply(unit, ticket);
            EXPECT_EQ(product.words, ticket.words);
            EXPECT_EQ(product.peeled, product.clean);
            EXPECT_NE(product.noised, product.clean);
        }
    }
}

TEST(Reference, WinRateIsTheTheorys) {
    for (size_t op = 0; op < 3; ++op) {
        const auto [tickets, won] = mined().by_op[op];
        // p = K / (72 · 12), so 1/12 and 1/6; |z| < 4 in integers.
        const int64_t n = int64_t(tickets), inverse = op == 0 ? 12 : 6;
        const int64_t difference = inverse * int64_t(won) - n;
        EXPECT_LT(difference * difference, 16 * n * (inverse - 1))
            << "op " << op << ": " << won << " of " << n;
    }
    // Chi-square of the top nibble with 15 degrees of freedom: 99.9 % are below 37.7.
    int64_t all = 0, squares = 0;
    for (const uint64_t count : mined().nibbles) {
        all += int64_t(count);
        squares += int64_t(count * count);
    }
    EXPECT_LT(10 * (16 * squares - all * all), 377 * all);
}

}  // namespace
}  // namespace daidd::work
