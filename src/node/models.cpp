#include "node/models.h"

#include <algorithm>

#include "inference/toy.h"
#include "util/mapped_file.h"
#include "work/project_corpus.h"

namespace daidd::node {
namespace {

using namespace inference;

struct Opened {
    Model model;
    Tokenizer tokenizer;
    std::optional<ChatTemplate> chat;
};

Result<Opened, std::string> open_file(const std::string& path) {
    const auto file = map_file(path);
    if (!file) return Fail{"-model: " + file.error()};
    const auto model = Model::load(file->bytes, best_backend(), file->memory);
    if (!model) return Fail{"-model: " + path + ": " + model.error().text()};
    if (model->graph().is_encoder()) return Fail{"-model: " + path + ": an encoder, which only embeds texts"};
    const auto container = GgufFile::parse(file->bytes);
    if (!container) return Fail{"-model: " + path + ": " + to_string(container.error())};
    const auto tokenizer = Tokenizer::load(*container);
    if (!tokenizer) return Fail{"-model: " + path + ": " + to_string(tokenizer.error())};
    if (tokenizer->vocabulary() != model->dimensions().vocabulary) {
        return Fail{"-model: " + path + ": tokenizer.ggml.tokens: another vocabulary than the model's"};
    }
    const auto chat = ChatTemplate::load(*container, *tokenizer);
    if (!chat) return Fail{"-model: " + path + ": " + to_string(chat.error())};
    return Opened{*model, *tokenizer, *chat};
}

Opened make_generated() {
    auto model = Model::build(make_toy(regtest_toy()));
    return {*std::move(model), Tokenizer::bytes(), std::nullopt};
}

Result<work::Corpora, std::string> read_corpora(const consensus::Params& params, const Tokenizer& tokenizer,
                                                const std::string& path) {
    std::string text{work::project_corpus()};
    if (!path.empty()) {
        const auto file = map_file(path);
        if (!file) return Fail{"-corpus: " + file.error()};
        text = as_text(file->bytes);
    }
    work::Corpora corpora;
    for (const auto& corpus : params.corpora) {
        auto tokens = tokenizer.encode(text);
        if (tokens.size() != corpus.tokens || work::corpus_root(tokens) != corpus.root) {
            return Fail{"-corpus: its root is " + to_hex(work::corpus_root(tokens)) + " (" +
                        std::to_string(tokens.size()) + " tokens), the spec's corpus '" + corpus.name +
                        "' is " + to_hex(corpus.root) + " (" + std::to_string(corpus.tokens) + " tokens)"};
        }
        corpora.push_back(std::move(tokens));
    }
    return corpora;
}

}  // namespace

Result<Models, std::string> load_models(const consensus::Params& params, const std::string& model,
                                        const std::string& corpus) {
    auto opened = model.empty() ? Result<Opened, std::string>{make_generated()} : open_file(model);
    if (!opened) return Fail{opened.error()};
    const Hash256 root = work::model_root(opened->model, params.unit_tokens);
    const auto* base = params.find_model(root);
    if (base == nullptr) {
        if (model.empty()) return Models{};
        std::string roots;
        for (const auto& known : params.models) roots += " " + to_hex(known.root);
        return Fail{"-model: " + model + ": its root with units of " + std::to_string(params.unit_tokens) +
                    " tokens is " + to_hex(root) + ", the spec's:" + roots};
    }
    auto corpora = read_corpora(params, opened->tokenizer, corpus);
    if (!corpora) return Fail{corpora.error()};
    Models models;
    models.local.push_back({base->name, root, opened->model, base->manifest});
    models.languages.push_back({root, opened->tokenizer, opened->chat});
    models.corpora = *std::move(corpora);
    return models;
}

}  // namespace daidd::node
