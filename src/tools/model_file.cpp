#include "tools/model_file.h"

#include "util/mapped_file.h"

namespace daidd::tools {

using namespace inference;

Result<LoadedModel, std::string> load_model(const std::string& path, Backend backend) {
    const auto file = map_file(path);
    if (!file) return Fail{file.error()};
    auto model = Model::load(file->bytes, backend, file->memory);
    if (!model) {
        std::string hint;
        if (model.error().reason == ModelErrorReason::kUnknownArchitecture &&
            model.error().field == "llama") {
            hint = " (a float model: run `dai-model convert` on it first)";
        }
        return Fail{path + ": " + model.error().text() + hint};
    }
    const auto container = GgufFile::parse(file->bytes);
    if (!container) return Fail{path + ": " + to_string(container.error())};
    const auto tokenizer = Tokenizer::load(*container);
    if (!tokenizer) return Fail{path + ": " + to_string(tokenizer.error())};
    if (tokenizer->vocabulary() != model->dimensions().vocabulary) {
        return Fail{path + ": tokenizer.ggml.tokens: another vocabulary than the model's"};
    }
    const auto chat = ChatTemplate::load(*container, *tokenizer);
    if (!chat) return Fail{path + ": " + to_string(chat.error())};
    const auto precision = container->text_at("dai.precision");
    return LoadedModel{*std::move(model), *tokenizer, *chat, std::string{precision ? *precision : "unknown"}};
}

Result<Backend, std::string> parse_backend(const std::string& name) {
    if (name.empty()) return best_backend();
    for (const Backend backend : kBackends) {
        if (name != to_string(backend)) continue;
        if (!is_supported(backend)) return Fail{"backend: this processor has no " + name};
        return backend;
    }
    if (name == "opencl" || name == "cuda") {
        return Fail{"backend: " + name +
                    " is not available in this version (known: scalar, avx2, avx512, amx)"};
    }
    return Fail{"backend: unknown '" + name + "' (known: scalar, avx2, avx512, amx)"};
}

}  // namespace daidd::tools
