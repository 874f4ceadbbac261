#include "cli/chat.h"

#include <chrono>
#include <cstdio>
#include <iterator>
#include <thread>

#include "cli/connection.h"
#include "cli/json_text.h"
#include "cli/print.h"
#include "util/text.h"

namespace daidd::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPollPause = 200ms;
constexpr int kInsufficientFunds = -6;

/// A new chain's first question fails until the first coins are mature.
void explain_funds(const Options& options) {
    const auto balances = call(options, "getbalances", "[]");
    if (!balances) return;
    const auto immature = unquoted(find(*balances, "mine.immature").value_or("0"));
    if (immature.find_first_not_of("0.") == std::string::npos) return;
    complain("The wallet has " + immature + " DAI that is not mature yet; wait for some blocks.");
}

std::string text_of(const Options& options) {
    std::string text;
    for (size_t i = 1; i < options.words.size(); ++i) text += (i > 1 ? " " : "") + options.words[i];
    if (!options.read_stdin) return text;
    char buffer[4096];
    for (size_t size = 0; (size = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;)
        text.append(buffer, size);
    return text;
}

std::string params_of(const Options& options, const std::string& text) {
    std::string chosen = options.dry_run ? "\"dry_run\":true" : "";
    if (options.tokens_max > 0) {
        chosen +=
            (chosen.empty() ? "" : ",") + std::string{"\"max_tokens\":"} + std::to_string(options.tokens_max);
    }
    return "[" + quoted(text) + ",{" + chosen + "}]";
}

int show_answer(const Options& options, const std::string& id, std::string_view job) {
    const auto part = [&](const char* path) { return std::string{find(job, path).value_or("null")}; };
    if (options.json) {
        print("{\"answer\":" + part("answer") + ",\"job\":" + quoted(id) + ",\"receipt\":" + part("receipt") +
              ",\"cost\":" + part("cost") + "}");
        return 0;
    }
    print(printable(unquoted(part("answer"))));
    complain("cost " + unquoted(part("cost")) + " DAI, receipt " + unquoted(part("receipt")) + ", job " + id);
    return 0;
}

}  // namespace

int chat(const Options& options) {
    const std::string text = text_of(options);
    if (text.empty()) {
        complain("error: there is no text to answer");
        return 1;
    }
    const auto submitted = call(options, "submitjob", params_of(options, text));
    if (!submitted) {
        const int exit_code = report(submitted.error());
        if (submitted.error().code == kInsufficientFunds) explain_funds(options);
        return exit_code;
    }
    if (options.dry_run) {
        print(pretty(*submitted));
        return 0;
    }
    const std::string id = unquoted(member(*submitted, "job").value_or("\"\""));
    complain("job " + id + " submitted; waiting for its answer");

    const auto begun = std::chrono::steady_clock::now();
    for (;;) {
        const auto job = call(options, "getjob", "[" + quoted(id) + "]");
        if (!job) return report(job.error());
        const std::string status = unquoted(member(*job, "status").value_or("\"\""));
        if (status == "answered" || status == "settled") return show_answer(options, id, *job);
        if (status == "refunded") {
            complain("error: nobody answered until the deadline; the escrow was refunded");
            return 1;
        }
        const auto waited = std::chrono::steady_clock::now() - begun;
        if (options.timeout_s > 0 && waited > std::chrono::seconds{options.timeout_s}) {
            complain("error: no answer yet; \"dai-cli getjob " + id + "\" shows the job");
            return 1;
        }
        std::this_thread::sleep_for(kPollPause);
    }
}

}  // namespace daidd::cli
