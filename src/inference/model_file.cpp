#include "inference/model_file.h"

#include <array>
#include <bit>

namespace daidd::inference {

namespace {

static_assert(std::endian::native == std::endian::little, "tensors are read where they lie");

struct NumberField {
    std::string_view key;
    uint32_t& value;
};

/// Reader and writer walk this one list.
std::array<NumberField, 9> number_fields(ModelParts& parts) {
    Dimensions& d = parts.dimensions;
    return {{{"dai.vocabulary", d.vocabulary},
             {"dai.layers", d.layers},
             {"dai.dim", d.dim},
             {"dai.ffn", d.ffn},
             {"dai.heads", d.heads},
             {"dai.kv_heads", d.kv_heads},
             {"dai.head_dim", d.head_dim},
             {"dai.context", d.context},
             {"dai.fx", parts.fx}}};
}

// More norms or linears than the graph has operations cannot be used.
constexpr uint64_t kListMax = kOpsMax;

using Dims = std::vector<uint64_t>;

template <class T>
Bytes bytes_of(std::span<const T> values) {
    const auto* at = reinterpret_cast<const uint8_t*>(values.data());
    return {at, at + values.size_bytes()};
}

ModelErrorReason reason_of(GgufReason reason) {
    switch (reason) {
    case GgufReason::kMissing: return ModelErrorReason::kMissing;
    case GgufReason::kWrongType: return ModelErrorReason::kWrongType;
    case GgufReason::kBadValue:
    case GgufReason::kOverLimit: return ModelErrorReason::kOutOfRange;
    case GgufReason::kTruncated:
    case GgufReason::kBadMagic:
    case GgufReason::kBadVersion:
    case GgufReason::kUnknownType:
    case GgufReason::kDuplicate:
    case GgufReason::kBadAlignment:
    case GgufReason::kBadShape:
    case GgufReason::kOutsideFile: return ModelErrorReason::kBadContainer;
    }
    return ModelErrorReason::kBadContainer;
}

/// Reads field by field; after the first failure everything is empty and error() says what it was.
class PartsReader {
public:
    explicit PartsReader(const GgufFile& file) : file_{file} {}

    uint64_t number(std::string_view key, uint64_t max) { return take(file_.number_at(key, max)); }
    std::string text(std::string_view key) { return std::string{take(file_.text_at(key))}; }

    /// Empty when there is no such tensor and it need not be there.
    template <class T>
    std::span<const T> tensor(const std::string& name, GgufType type, const Dims& dims, bool needed = true) {
        const GgufTensor* tensor = file_.find_tensor(name);
        if (tensor == nullptr) {
            if (needed) fail(ModelErrorReason::kMissing, name);
            return {};
        }
        if (tensor->type != type) return fail(ModelErrorReason::kWrongType, name), std::span<const T>{};
        if (!dims.empty() && tensor->dims != dims) {
            return fail(ModelErrorReason::kWrongShape, name), std::span<const T>{};
        }
        if (reinterpret_cast<uintptr_t>(tensor->data.data()) % alignof(T) != 0) {
            return fail(ModelErrorReason::kMisaligned, name), std::span<const T>{};
        }
        return {reinterpret_cast<const T*>(tensor->data.data()), tensor->data.size() / sizeof(T)};
    }

    Dims dims_of(const std::string& name) const {
        const GgufTensor* tensor = file_.find_tensor(name);
        return tensor == nullptr ? Dims{} : tensor->dims;
    }

    void fail(ModelErrorReason reason, std::string field) {
        if (!error_) error_ = ModelError{reason, std::move(field)};
    }
    const std::optional<ModelError>& error() const { return error_; }

private:
    template <class T>
    T take(Result<T, GgufError> result) {
        if (result) return *result;
        fail(reason_of(result.error().reason), result.error().field);
        return T{};
    }

    const GgufFile& file_;
    std::optional<ModelError> error_;
};

void read_embedding(PartsReader& reader, ModelParts& parts) {
    const uint64_t rows = parts.dimensions.vocabulary;
    parts.embedding.codes = reader.tensor<int16_t>("embedding", GgufType::kI16, {parts.dimensions.dim, rows});
    parts.embedding.mw = reader.tensor<uint16_t>("embedding.mw", GgufType::kI16, {rows});
    parts.embedding.ew = reader.tensor<uint8_t>("embedding.ew", GgufType::kI8, {rows});
}

void read_linear(PartsReader& reader, size_t i, ModelParts& parts) {
    const std::string name = "linear." + std::to_string(i);
    Linear linear;
    linear.name = name;
    linear.weights = reader.tensor<int8_t>(name, GgufType::kI8, {});
    const Dims dims = reader.dims_of(name);
    if (dims.size() != 2 || dims[0] > kDepthMax || dims[1] > kWidthMax) {
        return reader.fail(ModelErrorReason::kWrongShape, name);
    }
    linear.k = uint32_t(dims[0]);
    linear.n = uint32_t(dims[1]);
    linear.mw = reader.tensor<uint16_t>(name + ".mw", GgufType::kI16, {linear.n});
    linear.ew = reader.tensor<uint8_t>(name + ".ew", GgufType::kI8, {linear.n});
    linear.bias = reader.tensor<int32_t>(name + ".bias", GgufType::kI32, {linear.n}, false);
    parts.linears.push_back(std::move(linear));
}

void read_optional(const GgufFile& file, PartsReader& reader, ModelParts& parts) {
    if (file.find_value("dai.end_tokens") != nullptr) {
        const auto tokens = file.numbers_at("dai.end_tokens");
        if (!tokens) return reader.fail(ModelErrorReason::kWrongType, "dai.end_tokens");
        for (const uint64_t token : **tokens) {
            if (token >= kVocabularyMax) return reader.fail(ModelErrorReason::kOutOfRange, "dai.end_tokens");
            parts.end_tokens.push_back(uint32_t(token));
        }
    }
    if (file.find_value("dai.linear_names") != nullptr) {
        const auto names = file.texts_at("dai.linear_names");
        if (!names) return reader.fail(ModelErrorReason::kWrongType, "dai.linear_names");
        if ((*names)->size() != parts.linears.size()) {
            return reader.fail(ModelErrorReason::kWrongShape, "dai.linear_names");
        }
        for (size_t i = 0; i < parts.linears.size(); ++i) parts.linears[i].name = (**names)[i];
    }
}

}  // namespace

Result<ModelParts, ModelError> read_model(const GgufFile& file) {
    PartsReader reader{file};
    if (const std::string architecture = reader.text("general.architecture");
        !reader.error() && architecture != kModelArchitecture) {
        return Fail{ModelError{ModelErrorReason::kUnknownArchitecture, architecture}};
    }
    if (const uint64_t version = reader.number("dai.version", UINT32_MAX);
        !reader.error() && version != kModelVersion) {
        return Fail{ModelError{ModelErrorReason::kOutOfRange, "dai.version"}};
    }
    ModelParts parts;
    parts.architecture = reader.text("dai.family");
    for (const NumberField& field : number_fields(parts))
        field.value = uint32_t(reader.number(field.key, UINT32_MAX));
    parts.epsilon = reader.number("dai.epsilon", kEpsilonMax);
    const uint64_t linears = reader.number("dai.linears", kListMax),
                   norms = reader.number("dai.norms", kListMax);
    if (reader.error()) return Fail{*reader.error()};

    const auto rope = reader.tensor<uint64_t>("rope", GgufType::kI64, {parts.dimensions.head_dim / 2});
    parts.rope.assign(rope.begin(), rope.end());
    const auto local = reader.tensor<uint64_t>("rope.local", GgufType::kI64, {rope.size()}, false);
    parts.local_rope.assign(local.begin(), local.end());
    if (file.find_value("dai.window") != nullptr)
        parts.window = uint32_t(reader.number("dai.window", kContextMax));
    const auto graph = reader.tensor<uint8_t>("graph", GgufType::kI8, {});
    auto decoded = decode<Graph>(graph);
    if (!decoded) reader.fail(ModelErrorReason::kBadGraph, std::string{to_string(decoded.error())});
    read_embedding(reader, parts);
    const auto exponents = reader.tensor<int32_t>("norm.exponents", GgufType::kI32, {norms});
    for (size_t i = 0; i < linears && !reader.error(); ++i) read_linear(reader, i, parts);
    for (size_t i = 0; i < norms && !reader.error(); ++i) {
        const auto gains = reader.tensor<int32_t>("norm." + std::to_string(i), GgufType::kI32, {}, false);
        parts.norms.push_back({gains, exponents[i]});
    }
    if (!reader.error()) read_optional(file, reader, parts);
    if (reader.error()) return Fail{*reader.error()};
    parts.graph = *std::move(decoded);
    return parts;
}

void write_model(const ModelParts& source, GgufWriter& writer) {
    ModelParts parts = source;
    writer.add_text("general.architecture", kModelArchitecture);
    writer.add_number("dai.version", kModelVersion);
    writer.add_text("dai.family", parts.architecture);
    for (const NumberField& field : number_fields(parts)) writer.add_number(field.key, field.value);
    writer.add_number64("dai.epsilon", parts.epsilon);
    writer.add_number("dai.linears", uint32_t(parts.linears.size()));
    writer.add_number("dai.norms", uint32_t(parts.norms.size()));
    if (parts.window != 0) writer.add_number("dai.window", parts.window);
    if (!parts.end_tokens.empty()) {
        GgufValue tokens;
        tokens.type = GgufValueType::kArray;
        tokens.element_type = GgufValueType::kU32;
        tokens.numbers.assign(parts.end_tokens.begin(), parts.end_tokens.end());
        writer.add_value("dai.end_tokens", tokens);
    }
    GgufValue names;
    names.type = GgufValueType::kArray;
    names.element_type = GgufValueType::kText;
    for (const Linear& linear : parts.linears) names.texts.push_back(linear.name);
    writer.add_value("dai.linear_names", names);

    const Bytes graph = encode(parts.graph);
    writer.add_tensor("graph", GgufType::kI8, {graph.size()}, graph);
    writer.add_tensor("rope", GgufType::kI64, {parts.rope.size()},
                      bytes_of(std::span<const uint64_t>{parts.rope}));
    if (!parts.local_rope.empty()) {
        writer.add_tensor("rope.local", GgufType::kI64, {parts.local_rope.size()},
                          bytes_of(std::span<const uint64_t>{parts.local_rope}));
    }
    const Embedding& e = parts.embedding;
    writer.add_tensor("embedding", GgufType::kI16, {parts.dimensions.dim, parts.dimensions.vocabulary},
                      bytes_of(e.codes));
    writer.add_tensor("embedding.mw", GgufType::kI16, {e.mw.size()}, bytes_of(e.mw));
    writer.add_tensor("embedding.ew", GgufType::kI8, {e.ew.size()}, bytes_of(e.ew));
    std::vector<int32_t> exponents;
    for (const Norm& norm : parts.norms) exponents.push_back(norm.ge);
    writer.add_tensor("norm.exponents", GgufType::kI32, {exponents.size()},
                      bytes_of(std::span<const int32_t>{exponents}));
    for (size_t i = 0; i < parts.linears.size(); ++i) {
        const Linear& l = parts.linears[i];
        const std::string name = "linear." + std::to_string(i);
        writer.add_tensor(name, GgufType::kI8, {l.k, l.n}, bytes_of(l.weights));
        writer.add_tensor(name + ".mw", GgufType::kI16, {l.n}, bytes_of(l.mw));
        writer.add_tensor(name + ".ew", GgufType::kI8, {l.n}, bytes_of(l.ew));
        if (!l.bias.empty()) writer.add_tensor(name + ".bias", GgufType::kI32, {l.n}, bytes_of(l.bias));
    }
    for (size_t i = 0; i < parts.norms.size(); ++i) {
        const Norm& norm = parts.norms[i];
        if (norm.gq.empty()) continue;
        writer.add_tensor("norm." + std::to_string(i), GgufType::kI32, {norm.gq.size()}, bytes_of(norm.gq));
    }
}

Result<Model, ModelError> Model::load(ByteView file, Backend backend, std::shared_ptr<const void> memory) {
    const auto gguf = GgufFile::parse(file);
    if (!gguf) return Fail{ModelError{ModelErrorReason::kBadContainer, to_string(gguf.error())}};
    auto parts = read_model(*gguf);
    if (!parts) return Fail{parts.error()};
    parts->memory = std::move(memory);
    return build(*std::move(parts), backend);
}

}  // namespace daidd::inference
