#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "inference/batcher.h"
#include "inference/forward.h"
#include "inference/manifest.h"
#include "tools/commands.h"
#include "tools/model_file.h"
#include "work/mine.h"
#include "work/project_corpus.h"

namespace daidd::tools {
namespace {

using namespace inference;

double seconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// A mining pass (trace, tickets) over `tokens`, as a factor of the plain pass over them, less one.
double mining_overhead(const Model& model, const std::vector<uint32_t>& tokens, double plain_s) {
    const auto unit_tokens = uint32_t(tokens.size());
    const ModelTree tree{model, unit_tokens, 2};
    consensus::Params params = consensus::regtest_params();
    params.unit_tokens = unit_tokens;
    params.models = {{"bench", tree.root(), work::manifest_of(model, unit_tokens), 0}};
    const work::UnitPreimage preimage{.model = tree.root(), .seq = 1};
    work::Content content;
    content.tokens = tokens;
    content.source.receipt = tokens;
    const double mining_s = seconds_of([&] {
        const auto run = work::run_unit(model, params.models[0].manifest, preimage, content, 1);
        // A target of zero: no ticket wins, so all of them are drawn.
        const auto win = work::find_win(model, params, kZeroHash, {}, *run, {run}, {}, &tree);
        if (win) throw std::logic_error{"a ticket won under a target of zero"};
    });
    return mining_s / plain_s - 1;
}

/// Tokens a second of `batch` answers at once, without the time that their prompts take. They go on as `text`
/// does, so that none ends early; the choice is made all the same.
double batched_tokens_per_s(const Model& model, Backend backend, const BenchArguments& arguments,
                            const std::vector<uint32_t>& text) {
    const uint32_t prompt_tokens = arguments.prompt_tokens, answer_tokens = arguments.decode_tokens;
    Batcher batcher{model,
                    kZeroHash,
                    {.page_bytes_max = SIZE_MAX,
                     .sequences_max = arguments.batch,
                     .rows_max = arguments.batch + prompt_tokens,
                     .keep_prefixes = false,
                     .backend = backend,
                     .threads = arguments.threads}};
    std::vector<uint32_t> answered(arguments.batch);
    for (uint32_t i = 0; i < arguments.batch; ++i) {
        // A step reads at least one prompt, so nobody answers more tokens before all do.
        const auto added = batcher.add({.prompt = {text.begin(), text.begin() + prompt_tokens},
                                        .tokens_max = answer_tokens + arguments.batch,
                                        .choose = [&, i](std::span<const int32_t> logits) {
                                            (void)sample(logits, {}, 0, model.fx());
                                            return text[(prompt_tokens + answered[i]++) % text.size()];
                                        }});
        if (!added) throw std::logic_error{"the benchmark's own prompt is refused"};
    }
    while (std::ranges::find(answered, 0u) != answered.end()) batcher.step();
    return arguments.batch * (answer_tokens - 1) / seconds_of([&] {
               for (uint32_t i = 1; i < answer_tokens; ++i) batcher.step();
           });
}

}  // namespace

Outcome bench(const BenchArguments& arguments) {
    const auto backend = parse_backend(arguments.backend);
    if (!backend) return backend.error();
    const auto loaded = load_model(arguments.model, *backend);
    if (!loaded) return loaded.error();
    const Model& model = loaded->model;
    const uint32_t prompt_tokens = arguments.prompt_tokens;
    const uint32_t positions = prompt_tokens + arguments.decode_tokens;
    const uint32_t longest = positions + (arguments.batch > 1 ? arguments.batch : 0);
    if (longest > model.dimensions().context)
        return "model: its context is shorter than the benchmark's text";
    const auto text = loaded->tokenizer.encode(work::project_corpus().substr(0, 8192));
    // Bytes that a vocabulary lacks are left out, so a small one may leave little.
    if (text.size() < positions) return "model: its vocabulary leaves too little of the benchmark's text";
    const std::vector<uint32_t> prompt(text.begin(), text.begin() + prompt_tokens);

    double prefill_s = 1e9;
    double decode_s = 1e9;
    for (int round = 0; round < 3; ++round) {
        Sequence sequence{model, positions};
        const ForwardOptions last{.logits = Logits::kLast, .threads = arguments.threads};
        prefill_s =
            std::min(prefill_s, seconds_of([&] { (void)forward(model, *backend, sequence, prompt, last); }));
        decode_s = std::min(decode_s, seconds_of([&] {
                                for (uint32_t i = 0; i < arguments.decode_tokens; ++i) {
                                    const uint32_t token = text[prompt_tokens + i];
                                    (void)forward(model, *backend, sequence, std::span{&token, 1}, last);
                                }
                            }));
    }
    // With logits for every position: what a unit computes.
    double plain_s = 1e9;
    for (int round = 0; round < 2; ++round) {
        Sequence sequence{model, positions};
        plain_s = std::min(plain_s, seconds_of([&] {
                               (void)forward(model, *backend, sequence, prompt, {.logits = Logits::kAll});
                           }));
    }
    uint64_t multiply_adds = 0;
    for (const auto& operand : make_manifest(model, prompt_tokens).operands) {
        const auto& linear = model.linears()[operand.linear];
        multiply_adds += uint64_t{linear.n} * linear.k;
    }
    nlohmann::ordered_json json{{"backend", to_string(*backend)},
                                {"threads", arguments.threads},
                                {"prefill_tokens_per_s", prompt_tokens / prefill_s},
                                {"decode_tokens_per_s", arguments.decode_tokens / decode_s},
                                {"mining_pass_overhead", mining_overhead(model, prompt, plain_s)},
                                {"gemm_gops", 2e-9 * double(multiply_adds) * prompt_tokens / plain_s}};
    if (arguments.batch > 1) {
        json["batched_tokens_per_s"] = batched_tokens_per_s(model, *backend, arguments, text);
    }
    if (arguments.json) {
        std::cout << json.dump() << "\n";
    } else {
        for (const auto& [key, value] : json.items()) {
            std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
        }
    }
    return std::nullopt;
}

}  // namespace daidd::tools
