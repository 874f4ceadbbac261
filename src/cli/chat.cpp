#include "cli/chat.h"

#include <chrono>
#include <cstdio>
#include <fstream>
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

/// The kind of result that is asked for; empty for an answer in words.
std::string kind_of(const Options& options) {
    const std::string& verb = options.words[0];
    return verb == "chat" || verb == "ask" ? "" : verb;
}

/// The prompt as JSON: words for an answer, files for a result.
Result<std::string, std::string> prompt_of(const Options& options) {
    const std::string kind = kind_of(options);
    if (kind.empty()) {
        const std::string text = text_of(options);
        if (text.empty()) return Fail{std::string{"there is no text to answer"}};
        return quoted(text);
    }
    if (options.words.size() < 2) return Fail{kind + " needs a file"};
    if (options.words.size() > 2 && kind != "index") return Fail{kind + " takes one file"};
    std::string texts;
    for (size_t i = 1; i < options.words.size(); ++i) {
        std::ifstream file{options.words[i], std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{file}, {}};
        if (!file) return Fail{options.words[i] + " cannot be read"};
        texts += (i > 1 ? "," : "") + quoted(text);
    }
    return kind == "index" ? "[" + texts + "]" : texts;
}

std::string params_of(const Options& options, const std::string& prompt) {
    std::string chosen;
    const auto choose = [&](const std::string& member) { chosen += (chosen.empty() ? "" : ",") + member; };
    if (const std::string kind = kind_of(options); !kind.empty()) choose("\"kind\":" + quoted(kind));
    if (options.dry_run) choose("\"dry_run\":true");
    if (options.tokens_max > 0) choose("\"max_tokens\":" + std::to_string(options.tokens_max));
    return "[" + prompt + ",{" + chosen + "}]";
}

int show_answer(const Options& options, const std::string& id, std::string_view job) {
    const auto part = [&](const char* path) { return std::string{find(job, path).value_or("null")}; };
    const std::string given = kind_of(options).empty() ? "answer" : "result";
    if (options.json) {
        print("{" + quoted(given) + ":" + part(given.c_str()) + ",\"job\":" + quoted(id) +
              ",\"receipt\":" + part("receipt") + ",\"cost\":" + part("cost") + "}");
        return 0;
    }
    print(given == "result" ? pretty(part("result")) : printable(unquoted(part("answer"))));
    complain("cost " + unquoted(part("cost")) + " DAI, receipt " + unquoted(part("receipt")) + ", job " + id);
    return 0;
}

}  // namespace

int chat(const Options& options) {
    const auto prompt = prompt_of(options);
    if (!prompt) {
        complain("error: " + prompt.error());
        return 1;
    }
    const auto submitted = call(options, "submitjob", params_of(options, *prompt));
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
