#include <gtest/gtest.h>

#include "work/project_corpus.h"
#include "work/toy_chain.h"

namespace daidd::work {
namespace {

/// The literals in src/consensus/regtest_spec.cpp are what this build generates. On a difference the test
/// prints what to put there.
TEST(RegtestSpec, LiteralsAreTheGeneratedOnes) {
    const auto& params = consensus::regtest_params();
    const auto model = *inference::Model::build(inference::make_toy(inference::regtest_toy()));
    const auto corpus = byte_tokens(project_corpus());
    const Hash256 root = model_root(model, params.unit_tokens);
    const consensus::Manifest manifest = manifest_of(model, params.unit_tokens);
    const std::string expected = "kModelRoot = \"" + to_hex(root) + "\"\nkModelManifest = \"" +
                                 to_hex(manifest.encode()) + "\"\nkCorpusRoot = \"" +
                                 to_hex(corpus_root(corpus)) +
                                 "\"\nkCorpusTokens = " + std::to_string(corpus.size());
    ASSERT_EQ(params.models.size(), 1u) << expected;
    ASSERT_EQ(params.corpora.size(), 1u) << expected;
    EXPECT_EQ(params.models[0].root, root) << expected;
    EXPECT_EQ(params.models[0].manifest, manifest) << expected;
    EXPECT_EQ(params.corpora[0].root, corpus_root(corpus)) << expected;
    EXPECT_EQ(params.corpora[0].tokens, corpus.size()) << expected;
}

TEST(RegtestSpec, CorpusIsLargeEnough) { EXPECT_GE(project_corpus().size(), 64u * 1024); }

}  // namespace
}  // namespace daidd::work
