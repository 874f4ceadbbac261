#include "inference/chat_template.h"

#include <algorithm>

#include "inference/chat_markers.h"
#include "inference/unicode.h"
#include "inference/utf8.h"

namespace daidd::inference {

namespace {

constexpr std::string_view kTemplate = "tokenizer.chat_template";
constexpr std::array<std::string_view, 3> kRoles{"system", "user", "assistant"};
constexpr std::string_view kEndOfSequence = "</s>";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// White space as Jinja's trim means it, which is that of Python's str.strip.
std::string trimmed(std::string_view text) {
    const auto is_blank = [](char32_t c) { return unicode::is_white_space(c) || (c >= 0x1C && c <= 0x1F); };
    const std::u32string characters = to_characters(text);
    std::u32string_view rest = characters;
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    while (!rest.empty() && is_blank(rest.back())) rest.remove_suffix(1);
    return to_bytes(rest);
}

/// A literal system message inside a Jinja template's text: what stands between "<|im_start|>system\n" and
/// "<|im_end|>" without leaving the quotes. The first there is.
std::optional<std::string> literal_system(std::string_view jinja) {
    const std::string opening = std::string{kImStart} + "system";
    for (size_t at = jinja.find(opening); at != jinja.npos; at = jinja.find(opening, at + 1)) {
        std::string_view rest = jinja.substr(at + opening.size());
        if (rest.starts_with("\n")) {
            rest.remove_prefix(1);
        } else if (rest.starts_with("\\n")) {
            rest.remove_prefix(2);
        } else {
            continue;
        }
        const std::string_view text = rest.substr(0, rest.find(kImEnd));
        if (text.size() < rest.size() && text.find_first_of("'\"{}\\") == text.npos) return std::string{text};
    }
    return std::nullopt;
}

/// What follows `opening` up to the next of `closing`'s characters, or nothing.
std::optional<std::string_view> literal_after(std::string_view text, std::string_view opening,
                                              std::string_view closing) {
    const size_t at = text.find(opening);
    if (at == text.npos) return std::nullopt;
    const std::string_view rest = text.substr(at + opening.size());
    const size_t end = rest.find_first_of(closing);
    return end == rest.npos ? std::nullopt : std::optional{rest.substr(0, end)};
}

}  // namespace

std::string_view to_string(Role role) { return kRoles[size_t(role)]; }

std::optional<Role> parse_role(std::string_view name) {
    for (size_t i = 0; i < kRoles.size(); ++i) {
        if (kRoles[i] == name) return Role(i);
    }
    return std::nullopt;
}

/// Tokens as they are put together.
class ChatTemplate::Rendering {
public:
    explicit Rendering(const Tokenizer& tokenizer) : tokenizer_{tokenizer} {}

    void marker(uint32_t token) { tokens_.push_back(token); }
    void text(std::string_view text) {
        const auto added = tokenizer_.encode(text);
        tokens_.insert(tokens_.end(), added.begin(), added.end());
    }
    std::vector<uint32_t> take() { return std::move(tokens_); }

private:
    const Tokenizer& tokenizer_;
    std::vector<uint32_t> tokens_;
};

Result<ChatTemplate, GgufError> ChatTemplate::load(const GgufFile& file, Tokenizer tokenizer) {
    struct Recognised {
        std::string_view marker;
        Family family;
    };
    constexpr Recognised kFamilies[] = {{kImStart, Family::kChatMl},
                                        {kStartHeader, Family::kLlama3},
                                        {kStartOfTurn, Family::kGemma},
                                        {kInst, Family::kMistral}};
    std::string_view jinja;
    const bool has_template = file.find_value(kTemplate) != nullptr;
    if (has_template) {
        const auto text = file.text_at(kTemplate);
        if (!text) return Fail{text.error()};
        jinja = *text;
    }
    for (const auto& [marker, family] : kFamilies) {
        // Mistral's forms differ too much to be told from a vocabulary.
        const bool is_told = family != Family::kMistral && tokenizer.find_special(marker);
        if (!(has_template ? contains(jinja, marker) : is_told)) continue;
        ChatTemplate chat{std::move(tokenizer), family};
        if (const auto error = chat.find_markers()) return Fail{*error};
        if (has_template) {
            if (const auto error = chat.read_literals(jinja)) return Fail{*error};
        }
        // ChatML begins without a token unless the template writes it.
        const bool begins = has_template ? contains(jinja, "bos_token") : family != Family::kChatMl;
        if (begins) chat.begin_ = chat.tokenizer_.begin_token();
        return chat;
    }
    return Fail{
        GgufError{has_template ? GgufReason::kBadValue : GgufReason::kMissing, std::string{kTemplate}}};
}

std::optional<GgufError> ChatTemplate::find_markers() {
    constexpr std::array<std::array<std::string_view, 3>, 4> kNames{
        {{kImStart, kImEnd, ""},
         {kStartHeader, kEndHeader, kEndOfTurnLlama},
         {kStartOfTurn, kEndOfTurn, ""},
         {kInst, kInstEnd, kEndOfSequence}}};
    const auto& names = kNames[size_t(family_)];
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i].empty()) continue;
        const auto token = tokenizer_.find_special(names[i]);
        if (!token) return GgufError{GgufReason::kMissing, std::string{names[i]}};
        markers_[i] = *token;
    }
    return std::nullopt;
}

std::optional<GgufError> ChatTemplate::read_literals(std::string_view jinja) {
    const GgufError unknown{GgufReason::kBadValue, std::string{kTemplate}};
    switch (family_) {
    case Family::kChatMl:
        if (!contains(jinja, kImEnd)) return unknown;
        default_system_ = literal_system(jinja);
        return std::nullopt;
    case Family::kLlama3: {
        constexpr std::string_view kKnowledge = "Cutting Knowledge Date: ", kToday = "Today Date: ";
        if (!contains(jinja, kKnowledge)) return std::nullopt;
        // Without a clock the template falls back on a literal date, and so do we: the same on every day.
        const auto knowledge = literal_after(jinja, kKnowledge, "\\\n\"'");
        const auto today = literal_after(jinja, "date_string = \"", "\"");
        if (!knowledge || !today || !contains(jinja, kToday)) return unknown;
        system_preamble_ = std::string{kKnowledge} + std::string{*knowledge} + "\n" + std::string{kToday} +
                           std::string{*today} + "\n\n";
        return std::nullopt;
    }
    case Family::kGemma: return contains(jinja, kEndOfTurn) ? std::nullopt : std::optional{unknown};
    case Family::kMistral: {
        // In v1 markers are text with blanks around; v7 has a system message that tells the date.
        const bool is_text = contains(jinja, " [/INST]") || contains(jinja, "<<SYS>>");
        const bool is_early = contains(jinja, "system") && !contains(jinja, "loop.last");
        if (is_text || is_early || contains(jinja, kSystemPrompt) || !contains(jinja, kInstEnd))
            return unknown;
        const bool prefixes = tokenizer_.decode(tokenizer_.encode("x"))->starts_with(' ');
        blank_before_ = contains(jinja, "[INST] ") && !prefixes;
        return std::nullopt;
    }
    }
    return unknown;
}

std::vector<uint32_t> ChatTemplate::render(std::span<const Message> messages) const {
    Rendering out{tokenizer_};
    if (begin_) out.marker(*begin_);
    switch (family_) {
    case Family::kChatMl: render_chat_ml(messages, out); break;
    case Family::kLlama3: render_llama3(messages, out); break;
    case Family::kGemma: render_gemma(messages, out); break;
    case Family::kMistral: render_mistral(messages, out); break;
    }
    return out.take();
}

void ChatTemplate::render_chat_ml(std::span<const Message> messages, Rendering& out) const {
    const auto [start, end, _] = markers_;
    const auto message = [&, start = start, end = end](Role role, const std::string& content) {
        out.marker(start);
        out.text(std::string{to_string(role)} + "\n" + content);
        out.marker(end);
        out.text("\n");
    };
    const bool has_system = !messages.empty() && messages[0].role == Role::kSystem;
    if (default_system_ && !has_system) message(Role::kSystem, *default_system_);
    for (const Message& each : messages) message(each.role, each.content);
    out.marker(start);
    out.text("assistant\n");
}

void ChatTemplate::render_llama3(std::span<const Message> messages, Rendering& out) const {
    const auto [start, header_end, end] = markers_;
    const auto header = [&, start = start, header_end = header_end](Role role) {
        out.marker(start);
        out.text(to_string(role));
        out.marker(header_end);
    };
    if (!system_preamble_.empty()) {
        const bool has_system = !messages.empty() && messages[0].role == Role::kSystem;
        header(Role::kSystem);
        out.text("\n\n" + system_preamble_ + (has_system ? trimmed(messages[0].content) : ""));
        out.marker(end);
        if (has_system) messages = messages.subspan(1);
    }
    for (const Message& each : messages) {
        header(each.role);
        out.text("\n\n" + trimmed(each.content));
        out.marker(end);
    }
    header(Role::kAssistant);
    out.text("\n\n");
}

void ChatTemplate::render_gemma(std::span<const Message> messages, Rendering& out) const {
    const auto [start, end, _] = markers_;
    std::string before;
    if (!messages.empty() && messages[0].role == Role::kSystem) {
        before = messages[0].content + "\n\n";
        messages = messages.subspan(1);
    }
    for (const Message& each : messages) {
        out.marker(start);
        out.text((each.role == Role::kAssistant ? "model\n" : "user\n") + before + trimmed(each.content));
        out.marker(end);
        out.text("\n");
        before.clear();
    }
    out.marker(start);
    out.text("model\n");
}

void ChatTemplate::render_mistral(std::span<const Message> messages, Rendering& out) const {
    const auto [start, end, end_of_sequence] = markers_;
    const std::string blank = blank_before_ ? " " : "";
    std::string before;
    if (!messages.empty() && messages[0].role == Role::kSystem) {
        before = messages[0].content + "\n\n";
        messages = messages.subspan(1);
    }
    for (size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].role == Role::kAssistant) {
            out.text(blank + trimmed(messages[i].content));
            out.marker(end_of_sequence);
            continue;
        }
        out.marker(start);
        out.text(blank + (i + 1 == messages.size() ? before : "") + messages[i].content);
        out.marker(end);
    }
}

}  // namespace daidd::inference
