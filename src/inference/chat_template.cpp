#include "inference/chat_template.h"

#include <array>

namespace daidd::inference {

namespace {

constexpr std::string_view kTemplate = "tokenizer.chat_template";
constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";
constexpr std::array<std::string_view, 3> kRoles{"system", "user", "assistant"};

/// The literal system message inside a Jinja template's text, if there is one: what stands between
/// "<|im_start|>system\n" and "<|im_end|>" without leaving the quotes.
std::optional<std::string> literal_system(std::string_view jinja) {
    const std::string opening = std::string{kStart} + "system";
    size_t at = jinja.find(opening);
    if (at == jinja.npos) return std::nullopt;
    std::string_view rest = jinja.substr(at + opening.size());
    if (rest.starts_with("\n")) {
        rest.remove_prefix(1);
    } else if (rest.starts_with("\\n")) {
        rest.remove_prefix(2);
    } else {
        return std::nullopt;
    }
    const std::string_view text = rest.substr(0, rest.find(kEnd));
    if (text.size() == rest.size() || text.find_first_of("'\"{}\\") != text.npos) return std::nullopt;
    return std::string{text};
}

}  // namespace

std::string_view to_string(Role role) { return kRoles[size_t(role)]; }

std::optional<Role> parse_role(std::string_view name) {
    for (size_t i = 0; i < kRoles.size(); ++i) {
        if (kRoles[i] == name) return Role(i);
    }
    return std::nullopt;
}

Result<ChatTemplate, GgufError> ChatTemplate::load(const GgufFile& file, Tokenizer tokenizer) {
    const auto start = tokenizer.find_special(kStart);
    const auto end = tokenizer.find_special(kEnd);
    if (!start || !end) return Fail{GgufError{GgufReason::kMissing, std::string{start ? kEnd : kStart}}};
    ChatTemplate chat{std::move(tokenizer), *start, *end};
    if (file.find_value(kTemplate) == nullptr) return chat;
    const auto jinja = file.text_at(kTemplate);
    if (!jinja) return Fail{jinja.error()};
    if (jinja->find(kStart) == jinja->npos || jinja->find(kEnd) == jinja->npos) {
        return Fail{GgufError{GgufReason::kBadValue, std::string{kTemplate}}};
    }
    chat.default_system_ = literal_system(*jinja);
    return chat;
}

std::vector<uint32_t> ChatTemplate::render(std::span<const Message> messages) const {
    std::vector<uint32_t> tokens;
    const bool has_system = !messages.empty() && messages[0].role == Role::kSystem;
    if (default_system_ && !has_system) append(Role::kSystem, *default_system_, tokens);
    for (const Message& message : messages) append(message.role, message.content, tokens);
    tokens.push_back(start_);
    const auto opening = tokenizer_.encode("assistant\n");
    tokens.insert(tokens.end(), opening.begin(), opening.end());
    return tokens;
}

void ChatTemplate::append(Role role, std::string_view content, std::vector<uint32_t>& tokens) const {
    tokens.push_back(start_);
    const auto inner = tokenizer_.encode(std::string{to_string(role)} + "\n" + std::string{content});
    tokens.insert(tokens.end(), inner.begin(), inner.end());
    tokens.push_back(end_);
    const auto outer = tokenizer_.encode("\n");
    tokens.insert(tokens.end(), outer.begin(), outer.end());
}

}  // namespace daidd::inference
