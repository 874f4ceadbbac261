#include "consensus/manifest.h"

#include <cassert>

namespace daidd::consensus {

Bytes Manifest::encode() const {
    Writer writer;
    assert(linears.size() <= 0xffff && operations.size() <= 0xffff);
    writer(unit_tokens, vocabulary, tensors, uint16_t(linears.size()), uint16_t(operations.size()));
    for (const Linear& linear : linears) writer(linear.k, linear.n);
    for (const Operation& operation : operations) writer(operation.tensor, operation.linear, operation.plane);
    if (constants_root) writer(*constants_root);
    return writer.take();
}

Result<Manifest, DecodeError> Manifest::decode(ByteView bytes) {
    Reader reader{bytes};
    Manifest manifest;
    uint16_t linears = 0;
    uint16_t operations = 0;
    reader(manifest.unit_tokens, manifest.vocabulary, manifest.tensors, linears, operations);
    for (size_t i = 0; i < linears && !reader.error(); ++i) {
        Linear& linear = manifest.linears.emplace_back();
        reader(linear.k, linear.n);
    }
    for (size_t i = 0; i < operations && !reader.error(); ++i) {
        Operation& operation = manifest.operations.emplace_back();
        reader(operation.tensor, operation.linear, operation.plane);
    }
    if (!reader.error() && !reader.exhausted()) reader(manifest.constants_root.emplace());
    if (reader.error()) return Fail{*reader.error()};
    if (!reader.exhausted()) return Fail{DecodeError::kTrailingBytes};
    return manifest;
}

}  // namespace daidd::consensus
