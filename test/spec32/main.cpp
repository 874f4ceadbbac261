#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "crypto/hash.h"
#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/model_file.h"
#include "inference/toy.h"

// The specification compiled for 32 bits: the same model root, trace root and logits as test/vectors says for
// every machine, from the toy as it is made and as it comes back from a model file.

namespace daidd::inference {
namespace {

static_assert(sizeof(size_t) == 4 && sizeof(void*) == 4, "this is the 32-bit build");

ToyShape shape_of(const nlohmann::json& vector) {
    ToyShape shape;
    const std::vector<uint32_t> d = vector["dimensions"];
    shape.dimensions = {d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]};
    shape.fx = vector["fx"];
    shape.bias = vector["bias"];
    shape.gains = vector["gains"];
    shape.planes = vector["planes"];
    shape.seed = *parse_hash(vector["seed"].get<std::string>());
    return shape;
}

Hash256 tensor_root(const TensorInfo& info, ByteView rows, const Hash256& unit) {
    std::vector<Hash256> leaves(rows.size() / info.row_bytes), tokens, groups;
    crypto::hash_rows("leaf", &unit, rows, info.row_bytes, leaves);
    const auto part = [](const std::vector<Hash256>& all, size_t begin, size_t count) {
        return crypto::merkle_root({all.begin() + ptrdiff_t(begin), all.begin() + ptrdiff_t(begin + count)});
    };
    for (size_t i = 0; i < leaves.size(); i += info.rows) tokens.push_back(part(leaves, i, info.rows));
    for (size_t i = 0; i < tokens.size(); i += 16) groups.push_back(part(tokens, i, 16));
    return crypto::merkle_root(groups);
}

/// Prints what differs; the number of differences.
class Checks {
public:
    explicit Checks(std::string name) : name_{std::move(name)} {}
    template <class T>
    void equal(const char* what, const T& found, const T& expected) {
        ++made_;
        if (found == expected) return;
        ++failed_;
        std::cout << name_ << ": " << what << " differs\n";
    }
    int failed() const { return failed_ + (made_ == 0 ? 1 : 0); }

private:
    std::string name_;
    int made_ = 0, failed_ = 0;
};

void check_model(const Model& model, const nlohmann::json& vector, Checks& checks) {
    const auto text = [&](const char* field) { return vector[field].get<std::string>(); };
    const ModelTree tree{model, 32};
    checks.equal("constants root", to_hex(*tree.manifest().constants), text("constants_root"));
    checks.equal("model root", to_hex(tree.root()), text("model_root"));
    const Hash256 unit = *parse_hash(text("unit"));
    Sequence sequence{model, 32};
    TraceRecorder trace{model};
    const std::vector<uint32_t> tokens = vector["tokens"];
    const auto logits =
        *forward(model, Backend::kScalar, sequence, tokens, {.logits = Logits::kAll, .trace = &trace});
    std::vector<Hash256> roots;
    for (size_t t = 0; t < trace.tensors.size(); ++t) {
        roots.push_back(tensor_root(model.plan().tensors[t], trace.tensors[t], unit));
        checks.equal("a tensor's root", to_hex(roots.back()), vector["op_roots"][t].get<std::string>());
    }
    checks.equal("trace root", to_hex(crypto::merkle_root(roots)), text("trace_root"));
    const auto last = std::span{logits}.last(model.dimensions().vocabulary).first(16);
    checks.equal("logits", std::vector(last.begin(), last.end()),
                 vector["last_logits"].get<std::vector<int32_t>>());
}

int check_vector(const nlohmann::json& vector) {
    Checks checks{vector["name"]};
    const ModelParts parts = make_toy(shape_of(vector));
    const auto made = Model::build(parts, Backend::kScalar);
    GgufWriter writer;
    write_model(parts, writer);
    const Bytes file = writer.finish();
    const auto read = Model::load(file, Backend::kScalar);
    checks.equal("being a model", bool(made) && bool(read), true);
    if (!made || !read) return checks.failed();
    check_model(*made, vector, checks);
    check_model(*read, vector, checks);
    return checks.failed();
}

}  // namespace
}  // namespace daidd::inference

int main() {
    const auto vectors = nlohmann::json::parse(std::ifstream{DAIDD_VECTORS "/inference/toy.json"});
    int failed = vectors.empty() ? 1 : 0;
    for (const auto& vector : vectors) failed += daidd::inference::check_vector(vector);
    std::cout << vectors.size() << " models in 32 bits, " << failed << " differences\n";
    return failed == 0 ? 0 : 1;
}
