#include "training/evaluate.h"

#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/commands.h"
#include "tools/model_file.h"
#include "training/choices.h"
#include "util/mapped_file.h"
#include "work/mine.h"

namespace daidd::tools {
namespace {

using nlohmann::ordered_json;

/// Where texts begin with a token of their own, every window does.
std::vector<uint32_t> begun(const std::vector<uint32_t>& tokens, uint32_t window,
                            std::optional<uint32_t> begin) {
    if (!begin) return tokens;
    std::vector<uint32_t> all;
    for (size_t at = 0; at < tokens.size(); at += window - 1) {
        const auto from = tokens.begin() + std::ptrdiff_t(at);
        all.push_back(*begin);
        all.insert(all.end(), from, from + std::ptrdiff_t(std::min<size_t>(window - 1, tokens.size() - at)));
    }
    return all;
}

Outcome eval_text(const EvalArguments& arguments, const LoadedModel& loaded, std::string_view text,
                  const training::EvalOptions& options) {
    if (arguments.window > loaded.model.dimensions().context)
        return "window: longer than the model's context";
    const auto tokens =
        begun(loaded.tokenizer.encode(text), arguments.window, loaded.tokenizer.begin_token());
    if (tokens.size() < arguments.window)
        return arguments.text + ": shorter than one window of " + std::to_string(arguments.window);
    training::TakeLogits write;
    std::ofstream logits;
    if (!arguments.logits.empty()) {
        logits.open(arguments.logits, std::ios::binary);
        if (!logits) return arguments.logits + ": cannot be written";
        write = [&logits](std::span<const int32_t> rows) {
            logits.write(reinterpret_cast<const char*>(rows.data()), std::streamsize(rows.size_bytes()));
        };
    }
    const auto sum =
        training::evaluate(loaded.model, tokens, arguments.window, arguments.windows_max, options, write);
    if (!sum) return arguments.text + ": " + std::string{to_string(sum.error())};
    if (!logits.flush()) return arguments.logits + ": cannot be written";

    // Only what people read is a float; the loss is committed to.
    const double bits = std::ldexp(double(sum->loss), -training::kLossBits) / double(sum->tokens);
    const double nll = bits * std::log(2.0);
    const uint64_t windows = sum->tokens / (arguments.window - 1);
    if (!arguments.json) {
        std::cout << windows << " windows of " << arguments.window << " tokens, perplexity "
                  << std::setprecision(6) << std::exp(nll) << "\n";
        return std::nullopt;
    }
    const training::Evaluation evaluation{work::model_root(loaded.model, kMainUnitTokens),
                                          work::corpus_root(tokens), arguments.window, sum->loss,
                                          sum->tokens};
    const ordered_json json{{"tokens", windows * arguments.window},
                            {"nll", nll},
                            {"perplexity", std::exp(nll)},
                            {"loss", sum->loss},
                            {"predicted", sum->tokens},
                            {"model_root", to_hex(evaluation.model)},
                            {"corpus_root", to_hex(evaluation.corpus)},
                            {"commitment", to_hex(commitment_of(evaluation))}};
    std::cout << json.dump() << "\n";
    return std::nullopt;
}

/// A line: {"context": text, "choices": [text, …], "answer": index}.
std::optional<training::Question> parse_question(std::string_view line,
                                                 const inference::Tokenizer& tokenizer) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("context") || !json["context"].is_string() ||
        !json.contains("choices") || !json["choices"].is_array() || !json.contains("answer") ||
        !json["answer"].is_number_unsigned()) {
        return std::nullopt;
    }
    training::Question question;
    question.context = tokenizer.encode(json["context"].get<std::string>());
    for (const auto& choice : json["choices"]) {
        if (!choice.is_string()) return std::nullopt;
        question.choices.push_back({tokenizer.encode(choice.get<std::string>())});
    }
    const auto answer = json["answer"].get<uint64_t>();
    if (answer >= question.choices.size() || question.choices.size() > training::kChoicesMax) {
        return std::nullopt;
    }
    question.answer = uint32_t(answer);
    return question;
}

Outcome eval_choices(const EvalArguments& arguments, const LoadedModel& loaded, std::string_view text,
                     const training::EvalOptions& options) {
    std::vector<training::Question> questions;
    uint32_t right = 0;
    for (size_t line = 1; !text.empty(); ++line) {
        const std::string where = arguments.text + ": line " + std::to_string(line) + ": ";
        const size_t end = std::min(text.find('\n'), text.size());
        auto question = parse_question(text.substr(0, end), loaded.tokenizer);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!question) {
            return where + R"(not {"context": text, "choices": [text, ...], "answer": index})";
        }
        if (questions.size() == training::kQuestionsMax) return where + "too many questions";
        const auto losses = training::choice_losses(loaded.model, *question, options);
        if (!losses) return where + std::string{to_string(losses.error())};
        if (training::best_choice(*losses) == question->answer) ++right;
        questions.push_back(*std::move(question));
    }
    if (questions.empty()) return arguments.text + ": no question";
    const auto count = uint32_t(questions.size());
    if (!arguments.json) {
        std::cout << right << " of " << count << " questions answered rightly\n";
        return std::nullopt;
    }
    const training::ChoiceScore score{work::model_root(loaded.model, kMainUnitTokens),
                                      training::questions_root(questions), count, right};
    const ordered_json json{{"questions", count},
                            {"right", right},
                            {"model_root", to_hex(score.model)},
                            {"questions_root", to_hex(score.questions)},
                            {"commitment", to_hex(commitment_of(score))}};
    std::cout << json.dump() << "\n";
    return std::nullopt;
}

}  // namespace

Outcome eval(const EvalArguments& arguments) {
    const auto backend = parse_backend(arguments.backend);
    if (!backend) return backend.error();
    const auto loaded = load_model(arguments.model, *backend);
    if (!loaded) return loaded.error();
    const auto text = map_file(arguments.text);
    if (!text) return text.error();
    const training::EvalOptions options{.backend = *backend, .threads = arguments.threads};
    const auto run = arguments.choices ? eval_choices : eval_text;
    return run(arguments, *loaded, as_text(text->bytes), options);
}

}  // namespace daidd::tools
