#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "inference/forward.h"
#include "tools/commands.h"
#include "tools/model_file.h"
#include "util/mapped_file.h"
#include "work/mine.h"

namespace daidd::tools {
namespace {

/// −ln of the probability that the logits (with fx fraction bits) give to `token`, in nats.
double nll_of(std::span<const int32_t> logits, uint32_t token, uint32_t fx) {
    const double unit = std::ldexp(1.0, -int(fx));
    const double max = *std::ranges::max_element(logits);
    double sum = 0;
    for (const int32_t logit : logits) sum += std::exp((logit - max) * unit);
    return std::log(sum) + (max - logits[token]) * unit;
}

}  // namespace

Outcome eval(const EvalArguments& arguments) {
    const auto backend = parse_backend(arguments.backend);
    if (!backend) return backend.error();
    const auto loaded = load_model(arguments.model, *backend);
    if (!loaded) return loaded.error();
    const auto text = map_file(arguments.text);
    if (!text) return text.error();
    const auto& model = loaded->model;
    if (arguments.window > model.dimensions().context) return "window: longer than the model's context";
    const auto tokens = loaded->tokenizer.encode(as_text(text->bytes));
    size_t windows = tokens.size() / arguments.window;
    if (windows == 0)
        return arguments.text + ": shorter than one window of " + std::to_string(arguments.window);
    if (arguments.windows_max != 0) windows = std::min<size_t>(windows, arguments.windows_max);

    double nll = 0;
    const size_t vocabulary = model.dimensions().vocabulary;
    for (size_t w = 0; w < windows; ++w) {
        const auto window = std::span{tokens}.subspan(w * arguments.window, arguments.window);
        inference::Sequence sequence{model, arguments.window};
        const auto logits = forward(model, *backend, sequence, window,
                                    {.logits = inference::Logits::kAll, .threads = arguments.threads});
        if (!logits) return arguments.text + ": " + std::string{to_string(logits.error())};
        for (size_t i = 0; i + 1 < window.size(); ++i) {
            nll += nll_of(std::span{*logits}.subspan(i * vocabulary, vocabulary), window[i + 1], model.fx());
        }
    }
    const auto predicted = double(windows * (arguments.window - 1));
    const double perplexity = std::exp(nll / predicted);
    if (arguments.json) {
        const nlohmann::ordered_json json{{"tokens", windows * arguments.window},
                                          {"nll", nll / predicted},
                                          {"perplexity", perplexity},
                                          {"model_root", to_hex(work::model_root(model, kMainUnitTokens))}};
        std::cout << json.dump() << "\n";
    } else {
        std::cout << windows << " windows of " << arguments.window << " tokens, perplexity "
                  << std::setprecision(6) << perplexity << "\n";
    }
    return std::nullopt;
}

}  // namespace daidd::tools
