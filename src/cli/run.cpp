#include "cli/run.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/chat.h"
#include "cli/connection.h"
#include "cli/convert.h"
#include "cli/info.h"
#include "cli/json_text.h"
#include "cli/print.h"

namespace daidd::cli {
namespace {

/// A receipt that was saved to a file is checked as it is; anything else is taken for an id.
Result<std::string, std::string> receipt_params(const std::string& word) {
    std::ifstream file{word};
    if (!file) return "[" + quoted(word) + "]";
    const std::string content{std::istreambuf_iterator<char>{file}, {}};
    if (!is_json(content)) return Fail{word + " is not a receipt: it is not JSON"};
    return "[" + content + "]";
}

Result<std::string, std::string> params_of(const Options& options, const std::string& method,
                                           const std::vector<std::string>& words) {
    if (method == "verifyreceipt" && words.size() == 1 && !options.named) return receipt_params(words[0]);
    return options.named ? named_params(method, words) : positional_params(method, words);
}

int run_method(Options options) {
    if (options.read_stdin) {
        for (std::string line; std::getline(std::cin, line);) options.words.push_back(line);
    }
    if (options.words.empty()) {
        complain("error: too few parameters (need at least the method)\n" + usage());
        return 1;
    }
    const std::string method = options.words[0];
    const auto params = params_of(options, method, {options.words.begin() + 1, options.words.end()});
    if (!params) {
        complain("error: " + params.error());
        return 1;
    }
    const auto result = call(options, method, *params);
    if (!result) return report(result.error());
    print_result(*result);
    return 0;
}

}  // namespace

int run(int argc, const char* const* argv) {
    const char* home = std::getenv("HOME");
    const auto options = parse_options({argv + 1, argv + argc}, home == nullptr ? "." : home);
    if (!options) {
        complain("error: " + options.error() + "\nUse \"dai-cli -help\" for the options.");
        return 1;
    }
    if (options->help) {
        print(usage());
        return 0;
    }
    if (options->get_info) return get_info(*options);
    if (options->net_info) return net_info(*options);
    const bool question = !options->words.empty() && is_question(options->words[0]);
    return question ? chat(*options) : run_method(*options);
}

}  // namespace daidd::cli
