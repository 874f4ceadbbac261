#include "inference/manifest.h"

#include <cassert>

namespace daidd::inference {

namespace {

constexpr size_t kListMax = 0xffff;

}  // namespace

Bytes Manifest::bytes() const {
    assert(linears.size() <= kListMax && operands.size() <= kListMax);
    Writer writer;
    writer(unit_tokens, vocabulary, tensors, uint16_t(linears.size()), uint16_t(operands.size()));
    for (const Shape& shape : linears) writer(shape.k, shape.n);
    for (const Operand& operand : operands) writer(operand);
    if (constants) writer(*constants);
    return writer.take();
}

Result<Manifest, DecodeError> Manifest::parse(ByteView bytes) {
    Reader reader{bytes};
    Manifest out;
    uint16_t linear_count = 0, operand_count = 0;
    reader(out.unit_tokens, out.vocabulary, out.tensors, linear_count, operand_count);
    for (uint16_t i = 0; i < linear_count && !reader.error(); ++i) {
        Shape shape;
        reader(shape.k, shape.n);
        out.linears.push_back(shape);
    }
    for (uint16_t i = 0; i < operand_count && !reader.error(); ++i) {
        Operand operand;
        reader(operand);
        out.operands.push_back(operand);
    }
    if (!reader.exhausted()) reader(out.constants.emplace());
    if (reader.error()) return Fail{*reader.error()};
    if (!reader.exhausted()) return Fail{DecodeError::kTrailingBytes};
    return out;
}

Manifest make_manifest(const Model& model, uint32_t unit_tokens) {
    Manifest out;
    out.unit_tokens = unit_tokens;
    out.vocabulary = model.dimensions().vocabulary;
    out.tensors = uint16_t(model.plan().tensors.size());
    for (const Linear& linear : model.linears()) out.linears.push_back({linear.k, linear.n});
    out.operands = model.plan().operands;
    return out;
}

}  // namespace daidd::inference
