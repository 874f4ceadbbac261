#include <algorithm>
#include <charconv>
#include <iostream>
#include <nlohmann/json.hpp>

#include "crypto/merkle.h"
#include "inference/generate.h"
#include "inference/utf8.h"
#include "tools/commands.h"
#include "tools/model_file.h"
#include "util/text.h"
#include "work/mine.h"

namespace daidd::tools {
namespace {

using namespace inference;

/// "0.7" as 2^32 ÷ (0.7 · 2^16); nothing if it is no number from 1/256 to 256, or 0.
std::optional<uint32_t> inverse_temperature_of(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (value == 0) return 0;
    if (!(value >= 1.0 / 256 && value <= 256)) return std::nullopt;
    return uint32_t(65'536 / value);
}

Hash256 seed_of(uint64_t seed) {
    Hash256 hash{};
    for (size_t i = 0; i < 8; ++i) hash[i] = uint8_t(seed >> (8 * i));
    return hash;
}

}  // namespace

Outcome run(const RunArguments& arguments) {
    const auto backend = parse_backend(arguments.backend);
    if (!backend) return backend.error();
    const auto inverse_temperature = inverse_temperature_of(arguments.temperature);
    if (!inverse_temperature) return "temperature: must be 0, or from 0.00390625 to 256";
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
    Sequence sequence{loaded->model, uint32_t(std::min<uint64_t>(positions, context))};
    GenerateOptions options;
    options.tokens_max = arguments.max_tokens;
    options.backend = *backend;
    options.threads = arguments.threads;
    options.sampling.inverse_temperature = *inverse_temperature;
    options.sampling.seed = seed_of(arguments.seed);

    Utf8Stream stream;
    const auto on_token = [&](uint32_t token) {
        if (!arguments.json) {
            std::cout << printable(stream.push(*loaded->tokenizer.decode(std::vector{token}))) << std::flush;
        }
        return true;
    };
    const auto generated = generate(loaded->model, sequence, prompt, options, on_token);
    if (!generated) return "prompt: " + std::string{to_string(generated.error())};
    if (!arguments.json) {
        std::cout << printable(stream.finish()) << "\n";
        return std::nullopt;
    }
    auto tokens = prompt;
    tokens.insert(tokens.end(), generated->tokens.begin(), generated->tokens.end());
    // The last token of an answer that fills the context is chosen, not run.
    tokens.resize(std::min<size_t>(tokens.size(), context));
    const auto op_roots = work::trace_op_roots(loaded->model, kZeroHash, tokens, arguments.threads);
    const nlohmann::ordered_json json{{"text", to_valid_utf8(*loaded->tokenizer.decode(generated->tokens))},
                                      {"tokens", generated->tokens},
                                      {"prompt_tokens", prompt.size()},
                                      {"stop", to_string(generated->reason)},
                                      {"trace_root", to_hex(crypto::merkle_root(op_roots))}};
    std::cout << json.dump() << "\n";
    return std::nullopt;
}

}  // namespace daidd::tools
