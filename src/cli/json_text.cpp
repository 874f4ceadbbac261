#include "cli/json_text.h"

#include <nlohmann/json.hpp>

namespace daidd::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

void skip_blanks(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

/// Takes a string with its quotes off the front.
std::string_view take_string(std::string_view& text) {
    size_t end = 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    const std::string_view string = text.substr(0, end + 1);
    text.remove_prefix(string.size());
    return string;
}

/// Takes a whole value off the front.
std::string_view take_value(std::string_view& text) {
    const std::string_view begin = text;
    int depth = 0;
    do {
        const char c = text[0];
        if (c == '"') {
            take_string(text);
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        const bool scalar = depth == 0 && c != '}' && c != ']';
        text.remove_prefix(scalar ? std::min(text.find_first_of(",]} \t\r\n"), text.size()) : 1);
    } while (depth > 0 && !text.empty());
    return begin.substr(0, begin.size() - text.size());
}

}  // namespace

std::string pretty(std::string_view json) {
    std::string out;
    size_t depth = 0;
    const auto new_line = [&] { out += "\n" + std::string(2 * depth, ' '); };
    while (!json.empty()) {
        const char c = json[0];
        if (c == '"') {
            out += take_string(json);
            continue;
        }
        json.remove_prefix(1);
        if (kBlanks.find(c) != std::string_view::npos) continue;
        if (c == '}' || c == ']') {
            --depth;
            new_line();
        }
        out += c;
        if (c == '{' || c == '[') {
            skip_blanks(json);
            if (!json.empty() && (json[0] == '}' || json[0] == ']')) {
                out += json[0];
                json.remove_prefix(1);
                continue;
            }
            ++depth;
            new_line();
        }
        if (c == ',') new_line();
        if (c == ':') out += ' ';
    }
    return out;
}

std::optional<std::string_view> member(std::string_view json, std::string_view name) {
    skip_blanks(json);
    if (!json.starts_with('{')) return std::nullopt;
    json.remove_prefix(1);
    for (;;) {
        skip_blanks(json);
        if (!json.starts_with('"')) return std::nullopt;
        const std::string key = unquoted(take_string(json));
        json.remove_prefix(json.find(':') + 1);
        skip_blanks(json);
        const std::string_view value = take_value(json);
        if (key == name) return value;
        skip_blanks(json);
        if (json.starts_with(',')) json.remove_prefix(1);
    }
}

std::optional<std::string_view> find(std::string_view json, std::string_view path) {
    while (!path.empty()) {
        const size_t dot = std::min(path.find('.'), path.size());
        const auto next = member(json, path.substr(0, dot));
        if (!next) return std::nullopt;
        json = *next;
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
    return json;
}

std::string unquoted(std::string_view json) {
    const auto value = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
    return value.is_string() ? value.get<std::string>() : std::string{json};
}

std::string quoted(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_json(std::string_view text) { return nlohmann::json::accept(text); }

}  // namespace daidd::cli
