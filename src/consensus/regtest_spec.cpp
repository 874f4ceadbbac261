#include "consensus/regtest_spec.h"

#include <cassert>

namespace daidd::consensus {

namespace {

// What work_test's RegtestSpec generates from the toy model and contrib/corpus/project.txt. Other literals
// are another chain.
constexpr std::string_view kModelRoot = "8a9d081bdfb773191667e759f38efd105981ef6bb364f50e66ca9694e83d70ca";
constexpr std::string_view kModelManifest =
    "2000000010010000170009000c0040000000800000004000000040000000400000000001000080000000400000004000"
    "000080000000400000004000000040000000000100008000000040000000400000001001000001000000000500010000"
    "0700020000080003000109000300020b000400000f000500001100060000120007000113000700021500080001160008"
    "0002d90b83657c88edcb336150df1bff955d8c034d01eceee353da0ef7e3a3713edf";
constexpr std::string_view kCorpusRoot = "14f7e327e38b81019ede8d1c03ff0c0b7eeb4a597ff20148250ab756e8966249";
constexpr uint64_t kCorpusTokens = 234'876;

}  // namespace

std::vector<BaseModel> regtest_models() {
    const auto root = parse_hash(kModelRoot);
    const auto bytes = parse_hex(kModelManifest);
    assert(root && bytes);
    auto manifest = Manifest::decode(*bytes);
    assert(manifest);
    return {{.name = "toy", .root = *root, .manifest = *std::move(manifest), .first_height = 0}};
}

std::vector<Corpus> regtest_corpora() {
    const auto root = parse_hash(kCorpusRoot);
    assert(root);
    return {{.name = "embedded", .root = *root, .tokens = kCorpusTokens}};
}

}  // namespace daidd::consensus
