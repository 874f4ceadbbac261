#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "crypto/merkle.h"
#include "inference/generate.h"
#include "inference/stop_strings.h"
#include "tools/commands.h"
#include "tools/model_file.h"
#include "util/text.h"
#include "work/mine.h"

namespace daidd::tools {
namespace {

using namespace inference;
using Json = nlohmann::ordered_json;

/// Figures for people: a logarithm as a decimal.
Json shown(const TokenLogprob& entry, const Tokenizer& tokenizer) {
    const auto text = *tokenizer.decode(std::vector{entry.token}, Specials::kShow);
    return {
        {"token", entry.token}, {"text", to_valid_utf8(text)}, {"logprob", double(entry.logprob) / 65'536}};
}

Json shown(const std::vector<Logprobs>& logprobs, const Tokenizer& tokenizer) {
    Json all = Json::array();
    for (const auto& [chosen, top] : logprobs) {
        Json& entry = all.emplace_back(shown(chosen, tokenizer));
        entry["top"] = Json::array();
        for (const auto& other : top) entry["top"].push_back(shown(other, tokenizer));
    }
    return all;
}

std::string_view reason_of(const Generated& generated, const AnswerText& text, const Sampler& sampler) {
    if (text.stopped()) return "stop_string";
    return sampler.stop() && generated.reason == StopReason::kSampler ? to_string(*sampler.stop())
                                                                      : to_string(generated.reason);
}

Result<Sampler, std::string> make_sampler(const SamplerArguments& arguments, const LoadedModel& loaded,
                                          std::span<const uint32_t> prompt) {
    const auto options = make_sampler_options(arguments, loaded.tokenizer.vocabulary());
    if (!options) return Fail{options.error()};
    const auto grammar = load_grammar(arguments);
    if (!grammar) return Fail{grammar.error()};
    std::optional<GrammarMatcher> matcher;
    if (*grammar) matcher.emplace(**grammar, std::make_shared<const TokenTrie>(loaded.tokenizer));
    return Sampler{
        *options,          loaded.tokenizer.vocabulary(), loaded.model.fx(), uint32_t(prompt.size()), prompt,
        std::move(matcher)};
}

/// The trace root of prompt and answer, as a worker would commit to it.
std::string trace_root(const LoadedModel& loaded, std::vector<uint32_t> tokens,
                       const std::vector<uint32_t>& answer, unsigned threads) {
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    // The last token of an answer that fills the context is chosen, not run.
    tokens.resize(std::min<size_t>(tokens.size(), loaded.model.dimensions().context));
    return to_hex(crypto::merkle_root(work::trace_op_roots(loaded.model, kZeroHash, tokens, threads)));
}

}  // namespace

Outcome run(const RunArguments& arguments) {
    const auto backend = parse_backend(arguments.backend);
    if (!backend) return backend.error();
    if (const auto error = check_stop_strings(arguments.sampler.stop))
        return "stop: " + std::string{to_string(*error)};
    if (arguments.logprobs && !arguments.json) return "logprobs: shown with -json alone";
    const auto loaded = load_model(arguments.model, *backend);
    if (!loaded) return loaded.error();
    const auto prompt = arguments.raw
                            ? loaded->tokenizer.encode_whole(arguments.prompt)
                            : loaded->chat.render(std::vector<Message>{{Role::kUser, arguments.prompt}});
    if (prompt.empty()) return "prompt: empty";
    const uint64_t positions = uint64_t{prompt.size()} + arguments.max_tokens;
    const uint32_t context = loaded->model.dimensions().context;
    if (prompt.size() >= context) {
        return "prompt: " + std::to_string(prompt.size()) + " tokens, the model's context is " +
               std::to_string(context);
    }
    auto sampler = make_sampler(arguments.sampler, *loaded, prompt);
    if (!sampler) return sampler.error();
    Sequence sequence{loaded->model, uint32_t(std::min<uint64_t>(positions, context))};
    GenerateOptions options;
    options.tokens_max = arguments.max_tokens;
    options.backend = *backend;
    options.threads = arguments.threads;
    options.sampler = &*sampler;
    options.top_logprobs = arguments.logprobs;

    AnswerText stream{arguments.sampler.stop};
    std::string text;
    const auto show = [&](const std::string& piece) {
        text += piece;
        if (!arguments.json) std::cout << printable(piece) << std::flush;
    };
    const auto generated = generate(loaded->model, sequence, prompt, options, [&](uint32_t token) {
        show(stream.push(*loaded->tokenizer.decode(std::vector{token})));
        return !stream.stopped();
    });
    if (!generated) return "prompt: " + std::string{to_string(generated.error())};
    show(stream.finish());
    if (!arguments.json) {
        std::cout << "\n";
        return std::nullopt;
    }
    Json json{{"text", text},
              {"tokens", generated->tokens},
              {"prompt_tokens", prompt.size()},
              {"stop", reason_of(*generated, stream, *sampler)},
              {"trace_root", trace_root(*loaded, prompt, generated->tokens, arguments.threads)}};
    if (arguments.logprobs) json["logprobs"] = shown(generated->logprobs, loaded->tokenizer);
    std::cout << json.dump() << "\n";
    return std::nullopt;
}

}  // namespace daidd::tools
