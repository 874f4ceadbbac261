#pragma once

#include "inference/tokenizer.h"

namespace daidd::inference {

enum class Role : uint8_t { kSystem, kUser, kAssistant };
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view name);

struct Message {
    Role role = Role::kUser;
    std::string content;
};

/// ChatML: `<|im_start|>role\ncontent<|im_end|>\n` a message. The two markers are put in as token ids and
/// contents go through Tokenizer::encode, so no content can open or close a message.
class ChatTemplate {
public:
    /// From `tokenizer.chat_template`, with the system message that it puts before conversations without one.
    /// Refuses a template that is not ChatML, and a vocabulary without its markers, by naming the field. A
    /// file without a template has ChatML without a system message.
    static Result<ChatTemplate, GgufError> load(const GgufFile& file, Tokenizer tokenizer);

    /// The tokens of a conversation, ended by the beginning of the answer: `<|im_start|>assistant\n`.
    std::vector<uint32_t> render(std::span<const Message> messages) const;

    const std::optional<std::string>& default_system() const { return default_system_; }

private:
    ChatTemplate(Tokenizer tokenizer, uint32_t start, uint32_t end)
        : tokenizer_{std::move(tokenizer)}, start_{start}, end_{end} {}
    void append(Role role, std::string_view content, std::vector<uint32_t>& tokens) const;

    Tokenizer tokenizer_;
    uint32_t start_;
    uint32_t end_;
    std::optional<std::string> default_system_;
};

}  // namespace daidd::inference
