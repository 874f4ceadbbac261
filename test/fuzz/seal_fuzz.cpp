#include <algorithm>
#include <cstdlib>

#include "inference/toy.h"
#include "work/mine.h"
#include "work/project_corpus.h"

// Decodes and judges what a peer may send beside a header: a seal, then a witness. An input whose first byte
// is odd is that; an even one is a list of patches (offset u24, byte) to an honest seal and witness. The
// header follows the seal, so that mutations get past it; nothing but the honest bytes may be accepted.

namespace daidd::work {
namespace {

struct Fixture {
    inference::Model model = *inference::Model::build(inference::make_toy(inference::regtest_toy()));
    consensus::Params params;
    std::vector<uint32_t> answer{1, 2, 3, 4, 5};
    Pool pool;
    Bytes honest;

    Fixture() {
        const ByteView text = as_bytes(project_corpus());
        const Corpora corpora{{text.begin(), text.end()}};
        params.unit_tokens = 32;
        params.kind_weights = {0, 1, 0};
        params.draw_slots = 1;
        params.witness_bytes_max = 1 << 20;
        params.models = {{"toy", model_root(model, 32), manifest_of(model, 32), 0}};
        params.corpora = {{"project", corpus_root(corpora[0]), corpora[0].size()}};
        pool = {{.tokens_root = consensus::tokens_root(answer), .slots = 1, .receipt = {}}};

        std::vector<std::shared_ptr<const UnitRun>> units;
        while (units.size() < 3) {
            UnitPreimage unit{.model = params.models[0].root, .seq = uint16_t(units.size())};
            if (!units.empty()) unit.previous = link(id_of(*units[0]), trace_root_of(*units[0]));
            Content content =
                content_of(params, corpora, unit, pool, [&](const PoolItem&) { return answer; });
            units.insert(units.begin(),
                         run_unit(model, params.models[0].manifest, unit, std::move(content), 1));
        }
        const auto win =
            find_win(model, params, {}, ~consensus::Uint256{0}, *units[0], {units[1], units[2]}, {});
        Writer writer;
        writer(win->seal, win->witness);
        honest = writer.take();
        if (!is_accepted(win->seal, win->witness)) abort();
    }

    bool is_accepted(const Seal& seal, const SealWitness& witness) const {
        SealContext context{.parent_hash = {},
                            .miner = seal.miner,
                            .seal_root = seal_root(seal),
                            .target = ~consensus::Uint256{0},
                            .height = 1,
                            .beacons = {Hash256{}}};
        for (const PreviousUnit& unit : witness.previous) context.beacons.push_back(unit.preimage.beacon);
        if (check_seal(params, context, seal, witness)) return false;
        const std::vector<const Pool*> pools(context.beacons.size(), &pool);
        return !check_contents(params, context, seal, witness, pools);
    }
};

Bytes patched(Bytes bytes, ByteView patches) {
    for (; patches.size() >= 4; patches = patches.subspan(4)) {
        const size_t offset = patches[0] | size_t{patches[1]} << 8 | size_t{patches[2]} << 16;
        bytes[offset % bytes.size()] = patches[3];
    }
    return bytes;
}

void judge(const Fixture& fixture, const Bytes& bytes) {
    Reader reader{bytes};
    Seal seal;
    SealWitness witness;
    reader(seal, witness);
    if (reader.error() || !reader.exhausted()) return;
    // What was read is what would be written: there is one encoding only.
    Writer writer;
    writer(seal, witness);
    if (writer.take() != bytes) abort();
    if (fixture.is_accepted(seal, witness) && bytes != fixture.honest) abort();
    seal.model = fixture.params.models[0].root;
    (void)fixture.is_accepted(seal, witness);
}

}  // namespace
}  // namespace daidd::work

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::work;
    static const Fixture fixture;
    if (size == 0) return 0;
    const daidd::ByteView rest{data + 1, size - 1};
    judge(fixture, data[0] % 2 == 1 ? daidd::Bytes{rest.begin(), rest.end()} : patched(fixture.honest, rest));
    return 0;
}
