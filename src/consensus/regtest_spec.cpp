#include "consensus/regtest_spec.h"

#include <cassert>

namespace daidd::consensus {

namespace {

// An empty root leaves its list empty: check_params() then says what is missing.
constexpr std::string_view kModelRoot = "";
constexpr std::string_view kModelManifest = "";
constexpr std::string_view kCorpusRoot = "";
constexpr uint64_t kCorpusTokens = 0;

}  // namespace

std::vector<BaseModel> regtest_models() {
    if (kModelRoot.empty()) return {};
    const auto root = parse_hash(kModelRoot);
    const auto bytes = parse_hex(kModelManifest);
    assert(root && bytes);
    auto manifest = Manifest::decode(*bytes);
    assert(manifest);
    return {{.name = "toy", .root = *root, .manifest = *std::move(manifest), .first_height = 0}};
}

std::vector<Corpus> regtest_corpora() {
    if (kCorpusRoot.empty()) return {};
    const auto root = parse_hash(kCorpusRoot);
    assert(root);
    return {{.name = "embedded", .root = *root, .tokens = kCorpusTokens}};
}

}  // namespace daidd::consensus
