#include "cli/print.h"

#include <cstdio>

#include "cli/json_text.h"

namespace daidd::cli {
namespace {

void put(std::FILE* file, std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), file);
    std::fputc('\n', file);
    std::fflush(file);
}

}  // namespace

void print(std::string_view line) { put(stdout, line); }

void complain(std::string_view line) { put(stderr, line); }

void print_result(std::string_view json) {
    if (json == "null") return;
    print(json.starts_with('"') ? unquoted(json) : pretty(json));
}

int report(const CallError& error) {
    if (error.code == 0) {
        complain("error: " + error.message);
    } else {
        complain("error code: " + std::to_string(error.code) + "\nerror message:\n" + error.message);
    }
    return error.exit_code();
}

}  // namespace daidd::cli
