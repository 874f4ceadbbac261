#include "training/embed.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/commands.h"
#include "tools/model_file.h"
#include "tools/texts.h"
#include "training/search.h"
#include "util/mapped_file.h"
#include "util/text.h"
#include "work/mine.h"

namespace daidd::tools {
namespace {

using nlohmann::ordered_json;

/// A model that embeds texts.
class Embedder {
public:
    static Result<Embedder, std::string> open(const std::string& model, const std::string& backend,
                                              unsigned threads) {
        const auto parsed = parse_backend(backend);
        if (!parsed) return Fail{parsed.error()};
        auto loaded = load_text_model(model, *parsed);
        if (!loaded) return Fail{loaded.error()};
        return Embedder{*std::move(loaded), {.backend = *parsed, .threads = threads}};
    }

    /// The error says what is wrong, not where.
    Result<training::Vector, std::string> embed(std::string_view text) const {
        if (loaded_.tokenizer.encode(text).empty()) return Fail{std::string{"no word that the model knows"}};
        const auto tokens = loaded_.tokenizer.encode_whole(text);
        const auto vector = training::embed(loaded_.model, tokens, options_);
        if (vector) return *vector;
        if (vector.error() == training::EmbedError::kTooLong) {
            return Fail{std::to_string(tokens.size()) + " tokens, more than the model's context of " +
                        std::to_string(loaded_.model.dimensions().context)};
        }
        return Fail{std::string{to_string(vector.error())}};
    }
    Result<std::vector<SourceText>, std::string> read(const std::string& path, bool paragraphs) const {
        const auto fits = [this](std::string_view text) {
            return loaded_.tokenizer.encode_whole(text).size() <= loaded_.model.dimensions().context;
        };
        auto texts = read_texts(path, paragraphs ? Division::kParagraphs : Division::kLines, fits);
        if (texts && texts->empty()) return Fail{path + ": no text"};
        return texts;
    }
    Hash256 root() const { return work::model_root(loaded_.model, kMainUnitTokens); }
    uint32_t width() const { return loaded_.model.plan().width[loaded_.model.graph().ops.back().a]; }
    const training::EvalOptions& options() const { return options_; }

private:
    Embedder(TextModel loaded, const training::EvalOptions& options)
        : loaded_{std::move(loaded)}, options_{options} {}

    TextModel loaded_;
    training::EvalOptions options_;
};

ordered_json json_of(const training::Vector& vector) {
    return {{"codes", vector.codes}, {"mantissa", vector.mantissa}, {"exponent", vector.exponent}};
}

std::string place_of(const SourceText& text) { return text.file + ":" + std::to_string(text.line); }

/// For people: an element is code · mantissa · 2^−(14 + exponent).
void print(const training::Vector& vector) {
    const double unit = std::ldexp(vector.mantissa, -14 - int(vector.exponent));
    for (size_t i = 0; i < vector.codes.size(); ++i) {
        std::cout << (i == 0 ? "" : " ") << std::setprecision(6) << vector.codes[i] * unit;
    }
    std::cout << "\n";
}

/// Tells people how far it is, and nobody else.
class Progress {
public:
    explicit Progress(size_t total) : total_{total} {}
    void step(size_t done) const {
        if (!terminal_) return;
        std::cerr << "\rindexing: " << done << " of " << total_ << " texts" << (done == total_ ? "\n" : "")
                  << std::flush;
    }

private:
    const size_t total_;
    const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
};

/// The text of a hit if `texts` are those of the index, else nothing.
const SourceText* text_of(const training::VectorIndex& index, const training::Hit& hit,
                          const std::vector<SourceText>& texts) {
    if (hit.id == 0 || hit.id > texts.size()) return nullptr;
    const SourceText& text = texts[hit.id - 1];
    const auto position = index.find(hit.id);
    return position && index.row(*position).text == training::text_hash(text.text) ? &text : nullptr;
}

/// One line of a terminal.
std::string beginning_of(const std::string& text) {
    constexpr size_t kCharacters = 100;
    std::string line = printable(text);
    std::ranges::replace(line, '\n', ' ');
    std::ranges::replace(line, '\t', ' ');
    size_t end = 0, characters = 0;
    for (; end < line.size(); ++end) {
        const bool begins = (uint8_t(line[end]) & 0xC0) != 0x80;
        if (begins && ++characters > kCharacters) break;
    }
    return end == line.size() ? line : line.substr(0, end) + "…";
}

Outcome show(const training::SearchResult& result, const training::VectorIndex& index,
             const std::vector<SourceText>& texts, const SearchArguments& arguments) {
    // The cosine, for people; the hits are ordered by their exact scores.
    const double unit = std::ldexp(result.query.mantissa, -int(result.query.exponent) - 14 - 21);
    ordered_json hits = ordered_json::array();
    for (const training::Hit& hit : result.hits) {
        ordered_json json{{"id", hit.id}, {"score", hit.score}, {"cosine", double(hit.score) * unit}};
        std::string shown = std::to_string(hit.id);
        if (!arguments.source.empty()) {
            const SourceText* text = text_of(index, hit, texts);
            if (text == nullptr) {
                return arguments.source + ": text " + std::to_string(hit.id) +
                       " is another than the index has (changed, or divided otherwise?)";
            }
            json.update({{"file", text->file}, {"line", text->line}, {"text", text->text}});
            shown = printable(place_of(*text)) + "\t" + beginning_of(text->text);
        }
        if (!arguments.json) {
            std::cout << std::fixed << std::setprecision(4) << double(hit.score) * unit << "\t" << shown
                      << "\n";
        }
        hits.push_back(std::move(json));
    }
    if (arguments.json) {
        const ordered_json json{{"index_root", to_hex(result.index)},
                                {"hits", std::move(hits)},
                                {"result", to_hex(encode(result))},
                                {"commitment", to_hex(commitment_of(result))}};
        std::cout << json.dump() << "\n";
    }
    return std::nullopt;
}

/// The result in what `search -json` printed.
Result<training::SearchResult, std::string> read_result(const std::string& path) {
    const auto file = map_file(path);
    if (!file) return Fail{file.error()};
    const auto json = nlohmann::json::parse(as_text(file->bytes), nullptr, false);
    const bool is_there = json.is_object() && json.contains("result") && json["result"].is_string();
    const auto bytes = is_there ? parse_hex(json["result"].get<std::string>()) : std::nullopt;
    if (!bytes) return Fail{path + ": no result of a search (what `search -json` prints)"};
    const auto result = decode<training::SearchResult>(*bytes);
    if (!result) return Fail{path + ": result: not well-formed"};
    return *result;
}

/// Runs a result again: the query is the text's embedding, and the hits are what the search finds.
Outcome check(const training::VectorIndex& index, const training::Vector& query, const Embedder& embedder,
              const std::string& path) {
    const auto result = read_result(path);
    if (!result) return result.error();
    if (result->query != query) return path + ": the query is another text's";
    const auto& options = embedder.options();
    if (const auto error = check_search(index, *result, options.backend, options.threads)) {
        return path + ": " + std::string{to_string(*error)};
    }
    std::cout << "identical: " << result->hits.size() << " hits, commitment "
              << to_hex(commitment_of(*result)) << "\n";
    return std::nullopt;
}

}  // namespace

Outcome embed(const EmbedArguments& arguments) {
    if (arguments.file.empty() == !arguments.text) return "give either -text or -file";
    const auto embedder = Embedder::open(arguments.model, arguments.backend, arguments.threads);
    if (!embedder) return embedder.error();
    std::vector<SourceText> texts;
    if (arguments.text) {
        texts.push_back({"-text", 1, *arguments.text});
    } else {
        auto read = embedder->read(arguments.file, arguments.paragraphs);
        if (!read) return read.error();
        texts = *std::move(read);
    }
    std::vector<training::Vector> vectors;
    for (const SourceText& text : texts) {
        auto vector = embedder->embed(text.text);
        if (!vector) return (arguments.text ? text.file : place_of(text)) + ": " + vector.error();
        vectors.push_back(*std::move(vector));
    }
    if (!arguments.json) {
        std::ranges::for_each(vectors, print);
        return std::nullopt;
    }
    ordered_json json{{"model_root", to_hex(embedder->root())}, {"embeddings", ordered_json::array()}};
    for (size_t i = 0; i < vectors.size(); ++i) {
        json["embeddings"].push_back(json_of(vectors[i]));
        json["embeddings"].back()["text_hash"] = to_hex(training::text_hash(texts[i].text));
    }
    std::cout << json.dump() << "\n";
    return std::nullopt;
}

Outcome index(const IndexArguments& arguments) {
    const auto embedder = Embedder::open(arguments.model, arguments.backend, arguments.threads);
    if (!embedder) return embedder.error();
    const auto texts = embedder->read(arguments.source, arguments.paragraphs);
    if (!texts) return texts.error();
    const Progress progress{texts->size()};
    std::vector<training::IndexRow> rows;
    for (const SourceText& text : *texts) {
        auto vector = embedder->embed(text.text);
        if (!vector) return place_of(text) + ": " + vector.error();
        rows.push_back({rows.size() + 1, training::text_hash(text.text), *std::move(vector)});
        progress.step(rows.size());
    }
    const auto built = training::VectorIndex::build(embedder->root(), embedder->width(), std::move(rows));
    if (!built) return arguments.source + ": " + std::string{to_string(built.error())};
    if (const auto error = write_file(arguments.target, built->encode())) return error;
    if (arguments.json) {
        const ordered_json json{{"rows", built->rows()},
                                {"width", built->width()},
                                {"model_root", to_hex(built->model())},
                                {"index_root", to_hex(built->root())}};
        std::cout << json.dump() << "\n";
    } else {
        std::cout << arguments.target << ": " << built->rows() << " texts, index root "
                  << to_hex(built->root()) << "\n";
    }
    return std::nullopt;
}

Outcome search(const SearchArguments& arguments) {
    const auto embedder = Embedder::open(arguments.model, arguments.backend, arguments.threads);
    if (!embedder) return embedder.error();
    const auto file = map_file(arguments.index);
    if (!file) return file.error();
    const auto read = training::VectorIndex::decode(file->bytes);
    if (!read) return arguments.index + ": not a vector index: " + std::string{to_string(read.error())};
    if (read->model() != embedder->root() || read->width() != embedder->width())
        return arguments.index + ": made by another model";
    const auto query = embedder->embed(arguments.text);
    if (!query) return "-text: " + query.error();
    if (!arguments.check.empty()) return check(*read, *query, *embedder, arguments.check);
    std::vector<SourceText> texts;
    if (!arguments.source.empty()) {
        auto found = embedder->read(arguments.source, arguments.paragraphs);
        if (!found) return found.error();
        texts = *std::move(found);
    }
    const auto& options = embedder->options();
    const auto result =
        training::run_search(*read, *query, arguments.count, options.backend, options.threads);
    return show(result, *read, texts, arguments);
}

}  // namespace daidd::tools
