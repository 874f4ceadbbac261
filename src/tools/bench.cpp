#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "inference/batcher.h"
#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/mined.h"
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

/// The best of a few runs.
double best_seconds_of(int rounds, const std::function<void()>& work) {
    double best_s = 1e9;
    for (int round = 0; round < rounds; ++round) best_s = std::min(best_s, seconds_of(work));
    return best_s;
}

/// Throws rows and folds away, and its noise costs nothing: what is left is the forward pass itself.
class NoTickets final : public TraceSink, public TicketDrawer {
public:
    explicit NoTickets(size_t rows) : rows_{rows} {}
    void rows(uint16_t, const TensorInfo&, uint32_t, ByteView, Parallel&) override {}
    std::vector<uint8_t> noise(const MinedSlice& slice, Parallel& /*parallel*/) override {
        return std::vector<uint8_t>(rows_ * slice.step, 137);
    }
    void draw(const MinedSlice&, uint32_t, uint32_t, std::span<const uint32_t>, unsigned) override {}

private:
    size_t rows_;
};

/// What mining adds to the plain pass over `tokens` (logits for every position), part by part, as shares of
/// it.
nlohmann::ordered_json mining_overhead(const Model& model, const std::vector<uint32_t>& tokens,
                                       unsigned threads) {
    constexpr int kRounds = 7;
    const auto unit_tokens = uint32_t(tokens.size());
    const ModelTree tree{model, unit_tokens, 2};
    consensus::Params params = consensus::regtest_params();
    params.unit_tokens = unit_tokens;
    params.models = {{"bench", tree.root(), work::manifest_of(model, unit_tokens), 0}};
    const work::UnitPreimage preimage{.model = tree.root(), .seq = 1};
    work::Content content;
    content.tokens = tokens;
    content.source.receipt = tokens;
    NoTickets nothing{tokens.size()};
    const work::Drawing drawing;
    const auto pass = [&](const ForwardOptions& options) {
        Sequence sequence{model, unit_tokens};
        (void)forward(model, model.backend(), sequence, tokens, options);
    };
    const auto unit = [&](const work::Drawing* tickets) {
        const auto run =
            work::run_unit(model, params.models[0].manifest, preimage, content, threads, tickets);
        // A target of zero: no ticket wins, so all of them are drawn.
        if (tickets != nullptr && work::find_win(model, params, kZeroHash, {}, *run, {run}, {}, &tree)) {
            throw std::logic_error{"a ticket won under a target of zero"};
        }
    };
    double plain_s = 1e9, no_head_s = 1e9, traced_s = 1e9, folded_s = 1e9, hashed_s = 1e9, mined_s = 1e9;
    const auto keep_best = [](double& best_s, const std::function<void()>& work) {
        best_s = std::min(best_s, seconds_of(work));
    };
    // In turns: what slows the machine for a while slows all of them.
    for (int round = 0; round < kRounds; ++round) {
        ForwardOptions options{.logits = Logits::kAll, .threads = threads};
        keep_best(plain_s, [&] { pass(options); });
        // A unit makes no logits, but its tickets are drawn from the head's product too.
        options.logits = Logits::kNone;
        keep_best(no_head_s, [&] { pass(options); });
        options.trace = &nothing;
        keep_best(traced_s, [&] { pass(options); });
        options.tickets = &nothing;
        keep_best(folded_s, [&] { pass(options); });
        keep_best(hashed_s, [&] { unit(nullptr); });
        keep_best(mined_s, [&] { unit(&drawing); });
    }
    const auto share = [plain_s](double seconds) { return seconds / plain_s; };
    return {{"plain_pass_tokens_per_s", unit_tokens / plain_s},
            {"mining_pass_overhead", share(mined_s - plain_s)},
            {"overhead_of_trace_rows", share(traced_s - no_head_s)},
            {"overhead_of_row_hashing", share(hashed_s - traced_s)},
            {"overhead_of_fold_and_peel", share(folded_s - traced_s - (plain_s - no_head_s))},
            {"overhead_of_noise_and_tickets", share(mined_s - hashed_s - (folded_s - traced_s))}};
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
    const auto text = loaded->tokenizer.encode(work::project_corpus().substr(0, 32'768));
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
    const double plain_s = best_seconds_of(2, [&] {
        Sequence sequence{model, positions};
        (void)forward(model, *backend, sequence, prompt,
                      {.logits = Logits::kAll, .threads = arguments.threads});
    });
    uint64_t multiply_adds = 0;
    for (const auto& operand : make_manifest(model, prompt_tokens).operands) {
        const auto& linear = model.linears()[operand.linear];
        multiply_adds += uint64_t{linear.n} * linear.k;
    }
    nlohmann::ordered_json json{{"backend", to_string(*backend)},
                                {"threads", arguments.threads},
                                {"prefill_tokens_per_s", prompt_tokens / prefill_s},
                                {"decode_tokens_per_s", arguments.decode_tokens / decode_s},
                                {"gemm_gops", 2e-9 * double(multiply_adds) * prompt_tokens / plain_s}};
    if (arguments.batch > 1) {
        json["batched_tokens_per_s"] = batched_tokens_per_s(model, *backend, arguments, text);
    }
    // Mined units are whole groups of rows.
    if (!arguments.speed_only && prompt_tokens % kTile == 0)
        json.update(mining_overhead(model, prompt, arguments.threads));
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
