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

/// How a family of models writes a conversation. No Jinja is run: a template is recognised by its markers,
/// and what differs within a family is read from its literals. Markers are put in as token ids and contents
/// go through Tokenizer::encode, so no content can open or close a message.
class ChatTemplate {
public:
    /// From `tokenizer.chat_template`. Of a file without one the vocabulary's markers tell the family.
    /// Refuses an unknown template, and a vocabulary without its markers, by naming the field.
    static Result<ChatTemplate, GgufError> load(const GgufFile& file, Tokenizer tokenizer);

    /// The tokens of a conversation, ended by the beginning of the answer. `<…>` is one token, B the begin
    /// token where the template writes one, trim takes white space off both ends:
    ///
    /// ChatML    a message is `<|im_start|>role\ncontent<|im_end|>\n`
    /// Llama 3   B, then `<|start_header_id|>role<|end_header_id|>\n\ntrim(content)<|eot_id|>`; from 3.1 on
    /// the
    ///           system message is always there and begins with the template's own lines on dates
    /// Gemma     B, then `<start_of_turn>user or model\ntrim(content)<end_of_turn>\n`; a system message and
    ///           `\n\n` stand before the first content
    /// Mistral   B, then `[INST]content[/INST]trim(answer)</s>`; a system message and `\n\n` stand before the
    ///           last user's content (tokenizers v3 and Tekken; [INST] as text, as in v1, is refused)
    std::vector<uint32_t> render(std::span<const Message> messages) const;

    /// The system message that ChatML puts before conversations without one, where the template has it.
    const std::optional<std::string>& default_system() const { return default_system_; }

private:
    enum class Family : uint8_t { kChatMl, kLlama3, kGemma, kMistral };
    class Rendering;

    ChatTemplate(Tokenizer tokenizer, Family family) : tokenizer_{std::move(tokenizer)}, family_{family} {}
    std::optional<GgufError> find_markers();
    std::optional<GgufError> read_literals(std::string_view jinja);
    void render_chat_ml(std::span<const Message> messages, Rendering& out) const;
    void render_llama3(std::span<const Message> messages, Rendering& out) const;
    void render_gemma(std::span<const Message> messages, Rendering& out) const;
    void render_mistral(std::span<const Message> messages, Rendering& out) const;

    Tokenizer tokenizer_;
    Family family_;
    std::array<uint32_t, 3> markers_{};  // in the order of their first use in a message
    std::optional<uint32_t> begin_;
    std::optional<std::string> default_system_;
    std::string system_preamble_;  // Llama 3.1 and on: the lines on dates
    bool blank_before_ = false;    // Mistral: a blank between a marker and a content
};

}  // namespace daidd::inference
