#include "import/convert.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "import/hugging_face.h"
#include "tools/commands.h"
#include "util/mapped_file.h"
#include "work/mine.h"

namespace daidd::tools {

namespace {

/// A float model, with the files that it looks into.
struct Source {
    inference::GgufFile file;
    std::vector<std::shared_ptr<const void>> memory;
};

Result<Source, std::string> read_gguf(const std::string& path) {
    const auto mapped = map_file(path);
    if (!mapped) return Fail{mapped.error()};
    auto file = inference::GgufFile::parse(mapped->bytes);
    if (!file) return Fail{path + ": " + to_string(file.error())};
    return Source{*std::move(file), {mapped->memory}};
}

Result<Source, std::string> read_directory(const std::filesystem::path& path) {
    std::vector<std::shared_ptr<const void>> memory;
    std::optional<std::string> error;
    const auto map = [&](const std::string& name) {
        const auto mapped = map_file(path / name);
        if (!mapped) {
            if (!error) error = mapped.error();
            return ByteView{};
        }
        memory.push_back(mapped->memory);
        return mapped->bytes;
    };
    constexpr const char* kIndex = "model.safetensors.index.json";
    std::vector<std::string> shards{"model.safetensors"};
    if (std::filesystem::exists(path / kIndex)) {
        const auto named = import::read_shard_names(map(kIndex));
        if (!named) return Fail{error.value_or(path.string() + ": " + to_string(named.error()))};
        shards = *named;
    }
    import::HuggingFaceFiles files{map("config.json"), map("tokenizer.json"), {}, {}};
    constexpr const char* kTokenizerConfig = "tokenizer_config.json";
    if (std::filesystem::exists(path / kTokenizerConfig)) files.tokenizer_config = map(kTokenizerConfig);
    constexpr const char* kPooling = "1_Pooling/config.json";
    if (std::filesystem::exists(path / kPooling)) files.pooling = map(kPooling);
    for (const std::string& shard : shards) files.weights.push_back(map(shard));
    if (error) return Fail{*error};
    auto model = import::read_hugging_face(files);
    if (!model) return Fail{path.string() + ": " + to_string(model.error())};
    memory.push_back(model->memory);
    return Source{std::move(model->file), std::move(memory)};
}

}  // namespace

Outcome convert(const ConvertArguments& arguments) {
    const bool is_directory = std::filesystem::is_directory(arguments.source);
    const auto source = is_directory ? read_directory(arguments.source) : read_gguf(arguments.source);
    if (!source) return source.error();

    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const auto progress = [terminal](uint32_t step, uint32_t steps) {
        if (!terminal && step != steps) return;
        std::cerr << (terminal ? "\r" : "") << "converting: " << step << " of " << steps << " parts"
                  << (step == steps ? "\n" : "") << std::flush;
    };
    const auto bytes = import::convert(source->file, {arguments.precision, arguments.threads, progress});
    if (!bytes) return arguments.source + ": " + to_string(bytes.error());
    // What is written must be a model: a source with numbers that no operation may have ends here.
    const auto model = inference::Model::load(*bytes, inference::Backend::kScalar);
    if (!model) return arguments.source + ": " + model.error().text();
    if (const auto error = write_file(arguments.target, *bytes)) return error;
    std::cout << arguments.target << ": " << bytes->size() << " bytes, model root "
              << to_hex(work::model_root(*model, 1024)) << " (units of 1024 tokens)\n";
    return std::nullopt;
}

}  // namespace daidd::tools
