#include "import/convert.h"

#include "import/bert.h"
#include "inference/gguf_writer.h"
#include "inference/model_file.h"

namespace daidd::import {

namespace {

/// Fields of the source that the integer model keeps: what it is and under which licence, and its words.
bool is_kept(std::string_view key) {
    return key == "general.name" || key == "general.license" || key.starts_with("tokenizer.");
}

}  // namespace

Result<Bytes, inference::GgufError> convert(const inference::GgufFile& source, const ImportOptions& options) {
    const auto architecture = source.text_at("general.architecture");
    const auto imported =
        architecture && *architecture == "bert" ? import_bert(source) : import_llama(source, options);
    if (!imported) return Fail{imported.error()};
    inference::GgufWriter writer;
    inference::write_model(imported->parts, writer);
    writer.add_text("dai.precision", imported->precision == Precision::kFast ? "fast" : "exact");
    for (const auto& field : source.fields()) {
        if (is_kept(field.key)) writer.add_value(field.key, field.value);
    }
    return writer.finish();
}

}  // namespace daidd::import
