#pragma once

#include <array>
#include <string_view>

namespace daidd::inference {

/// What opens and closes the messages of the known chat templates. A token of this name is never text, even
/// where a file calls it user-defined: else a message could open another one.
inline constexpr std::string_view kImStart = "<|im_start|>", kImEnd = "<|im_end|>";
inline constexpr std::string_view kStartHeader = "<|start_header_id|>", kEndHeader = "<|end_header_id|>";
inline constexpr std::string_view kEndOfTurnLlama = "<|eot_id|>", kEndOfMessageLlama = "<|eom_id|>";
inline constexpr std::string_view kStartOfTurn = "<start_of_turn>", kEndOfTurn = "<end_of_turn>";
inline constexpr std::string_view kInst = "[INST]", kInstEnd = "[/INST]";
inline constexpr std::string_view kSystemPrompt = "[SYSTEM_PROMPT]", kSystemPromptEnd = "[/SYSTEM_PROMPT]";
inline constexpr std::string_view kEndOfText = "<|endoftext|>";

inline constexpr std::array kChatMarkers{
    kImStart,   kImEnd, kStartHeader, kEndHeader,    kEndOfTurnLlama,  kEndOfMessageLlama, kStartOfTurn,
    kEndOfTurn, kInst,  kInstEnd,     kSystemPrompt, kSystemPromptEnd, kEndOfText};

/// Generation stops at any of these that a vocabulary has.
inline constexpr std::array kEndMarkers{kEndOfText, kImEnd, kEndOfTurnLlama, kEndOfMessageLlama, kEndOfTurn};

}  // namespace daidd::inference
