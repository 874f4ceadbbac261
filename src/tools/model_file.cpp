#include "tools/model_file.h"

#include "import/family.h"
#include "util/mapped_file.h"

namespace daidd::tools {

using namespace inference;

namespace {

/// The file lives as long as the model.
struct Opened {
    TextModel text;
    GgufFile container;
};

Result<Opened, std::string> open_model(const std::string& path, Backend backend) {
    const auto file = map_file(path);
    if (!file) return Fail{file.error()};
    auto model = Model::load(file->bytes, backend, file->memory);
    if (!model) {
        std::string hint;
        if (model.error().reason == ModelErrorReason::kUnknownArchitecture &&
            (model.error().field == "bert" || import::find_family(model.error().field) != nullptr)) {
            hint = " (a float model: run `dai-model convert` on it first)";
        }
        return Fail{path + ": " + model.error().text() + hint};
    }
    auto container = GgufFile::parse(file->bytes);
    if (!container) return Fail{path + ": " + to_string(container.error())};
    const auto tokenizer = Tokenizer::load(*container);
    if (!tokenizer) return Fail{path + ": " + to_string(tokenizer.error())};
    if (tokenizer->vocabulary() != model->dimensions().vocabulary) {
        return Fail{path + ": tokenizer.ggml.tokens: another vocabulary than the model's"};
    }
    const auto precision = container->text_at("dai.precision");
    return Opened{{*std::move(model), *tokenizer, std::string{precision ? *precision : "unknown"}},
                  *std::move(container)};
}

}  // namespace

Result<TextModel, std::string> load_text_model(const std::string& path, Backend backend) {
    auto opened = open_model(path, backend);
    if (!opened) return Fail{opened.error()};
    return std::move(opened->text);
}

Result<LoadedModel, std::string> load_model(const std::string& path, Backend backend) {
    auto opened = open_model(path, backend);
    if (!opened) return Fail{opened.error()};
    if (opened->text.model.graph().is_encoder())
        return Fail{path + ": an encoder: it answers nothing, it is for `embed`, `index` and `search`"};
    const auto chat = ChatTemplate::load(opened->container, opened->text.tokenizer);
    if (!chat) return Fail{path + ": " + to_string(chat.error())};
    return LoadedModel{std::move(opened->text), *chat};
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
                    " is not available in this version (known: scalar, avx2, avxvnni, avx512, amx)"};
    }
    return Fail{"backend: unknown '" + name + "' (known: scalar, avx2, avxvnni, avx512, amx)"};
}

}  // namespace daidd::tools
