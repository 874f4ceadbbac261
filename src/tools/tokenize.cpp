#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/commands.h"
#include "tools/model_file.h"
#include "util/mapped_file.h"

namespace daidd::tools {
namespace {

using namespace inference;

/// How one text is read, and where its result goes.
struct Task {
    const TokenizeArguments& arguments;
    const Tokenizer& tokenizer;
    std::optional<ChatTemplate> chat;

    std::vector<uint32_t> tokens_of(std::string_view text) const {
        if (chat) return chat->render(std::vector<Message>{{Role::kUser, std::string{text}}});
        return arguments.whole ? tokenizer.encode_whole(text) : tokenizer.encode(text);
    }
    void print(std::string_view text, char end) const {
        const auto tokens = tokens_of(text);
        std::cout << (arguments.decode ? *tokenizer.decode(tokens, Specials::kShow)
                                       : nlohmann::json(tokens).dump());
        std::cout << end;
    }
};

}  // namespace

Outcome tokenize(const TokenizeArguments& arguments) {
    const auto file = map_file(arguments.model);
    if (!file) return file.error();
    const auto container = GgufFile::parse(file->bytes);
    if (!container) return arguments.model + ": " + to_string(container.error());
    const auto tokenizer = Tokenizer::load(*container);
    if (!tokenizer) return arguments.model + ": " + to_string(tokenizer.error());
    Task task{arguments, *tokenizer, std::nullopt};
    if (arguments.chat) {
        const auto chat = ChatTemplate::load(*container, *tokenizer);
        if (!chat) return arguments.model + ": " + to_string(chat.error());
        task.chat = *chat;
    }
    const auto text = map_file(arguments.text);
    if (!text) return text.error();
    std::string_view rest = as_text(text->bytes);
    if (!arguments.lines && !arguments.null) {
        task.print(rest, '\n');
        return std::nullopt;
    }
    const char end = arguments.null ? '\0' : '\n';
    while (!rest.empty()) {
        const size_t length = std::min(rest.find(end), rest.size());
        task.print(rest.substr(0, length), arguments.decode ? end : '\n');
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    return std::nullopt;
}

}  // namespace daidd::tools
