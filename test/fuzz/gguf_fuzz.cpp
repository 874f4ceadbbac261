#include <algorithm>
#include <cstdlib>

#include "import/dequantize.h"
#include "inference/gguf_writer.h"

// Reads a GGUF container as anybody may offer it. What parses stays inside the input, comes back as it was
// when it is written again, and its tensors are numbers.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::inference;
    const daidd::ByteView input{data, size};
    const auto file = GgufFile::parse(input);
    if (!file) {
        if (file.error().field.empty()) std::abort();
        return 0;
    }
    GgufWriter writer;
    size_t bytes = 0;  // tensors may share bytes, so together they can be longer than the file
    for (const auto& field : file->fields()) {
        if (field.key != "general.alignment") writer.add_value(field.key, field.value);
    }
    for (const GgufTensor& tensor : file->tensors()) {
        if (tensor.data.data() < data || tensor.data.data() + tensor.data.size() > data + size) std::abort();
        bytes += tensor.data.size();
        if (bytes > 2 * size) return 0;
        writer.add_tensor(tensor.name, tensor.type, tensor.dims, {tensor.data.begin(), tensor.data.end()});
        if (daidd::import::is_float_type(tensor.type)) {
            const auto row = daidd::import::dequantize(tensor, 0, 1);
            if (row.cols != tensor.cols()) std::abort();
        }
    }
    const daidd::Bytes again = writer.finish();
    const auto copy = GgufFile::parse(again);
    if (!copy || copy->tensors().size() != file->tensors().size()) std::abort();
    for (size_t i = 0; i < file->tensors().size(); ++i) {
        if (!std::ranges::equal(copy->tensors()[i].data, file->tensors()[i].data)) std::abort();
    }
    return 0;
}
