#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/model_file.h"
#include "inference/toy.h"

// Reads a model file as anybody may offer it. The input is a byte that picks an honest file, of a Llama, with
// every operation that a decoder may have or of an encoder, and a list of patches (offset u24, byte) to it,
// so that mutations get past the container; what loads must run, and give the same on every backend.

namespace daidd::inference {
namespace {

ToyShape small_shape() {
    ToyShape shape;
    shape.dimensions = {.vocabulary = 20,
                        .layers = 1,
                        .dim = 20,
                        .ffn = 12,
                        .heads = 2,
                        .kv_heads = 1,
                        .head_dim = 16,
                        .context = 8};
    shape.bias = shape.gains = true;
    return shape;
}

Bytes file_of(const ModelParts& parts) {
    GgufWriter writer;
    write_model(parts, writer);
    return writer.finish();
}

Bytes honest_decoder(const LlamaVariant& variant) {
    ToyShape shape = small_shape();
    shape.variant = variant;
    return file_of(make_toy(shape));
}

Bytes honest_encoder() {
    ToyShape shape = small_shape();
    shape.dimensions.kv_heads = shape.dimensions.heads;
    shape.dimensions.head_dim = shape.dimensions.dim / shape.dimensions.heads;
    return file_of(make_toy_encoder(shape));
}

std::vector<Bytes> run(const Model& model, Backend backend) {
    Sequence sequence{model, std::min(3u, model.dimensions().context)};
    const std::vector<uint32_t> tokens(sequence.capacity(), model.dimensions().vocabulary - 1);
    TraceRecorder trace{model};
    const auto keep = [&trace](std::span<const int32_t> result) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(result.data());
        trace.tensors.emplace_back(bytes, bytes + 4 * result.size());
    };
    if (model.graph().is_encoder()) {
        keep(*encode_text(model, backend, tokens, 1, &trace));
    } else {
        keep(*forward(model, backend, sequence, tokens, {.logits = Logits::kAll, .trace = &trace}));
    }
    return trace.tensors;
}

}  // namespace
}  // namespace daidd::inference

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::inference;
    static const daidd::Bytes honest[] = {
        honest_decoder({}),
        honest_decoder(
            {.head_norms = true, .post_norms = true, .geglu = true, .local_rope = true, .window = 2}),
        honest_encoder()};
    if (size == 0) return 0;
    daidd::Bytes bytes = honest[data[0] % std::size(honest)];
    for (size_t i = 1; i + 4 <= size; i += 4) {
        const size_t offset = data[i] | size_t{data[i + 1]} << 8 | size_t{data[i + 2]} << 16;
        bytes[offset % bytes.size()] = data[i + 3];
    }
    const auto model = Model::load(bytes);
    if (!model) return 0;
    const auto expected = run(*model, Backend::kScalar);
    if (run(*model, best_backend()) != expected) std::abort();
    if (ModelTree(*model, 16).manifest().tensors != expected.size() - 1) std::abort();
    return 0;
}
