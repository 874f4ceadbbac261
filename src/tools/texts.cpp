#include "tools/texts.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "inference/utf8.h"
#include "training/vector_index.h"
#include "util/mapped_file.h"

namespace daidd::tools {
namespace {

namespace fs = std::filesystem;

struct Line {
    uint64_t number = 0;
    std::string_view text;

    bool is_blank() const { return text.find_first_not_of(" \t\r\v\f") == text.npos; }
};

std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> lines;
    for (uint64_t number = 1; !text.empty(); ++number) {
        const size_t end = std::min(text.find('\n'), text.size());
        Line line{number, text.substr(0, end)};
        if (line.text.ends_with('\r')) line.text.remove_suffix(1);
        lines.push_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

bool is_text(std::string_view bytes) {
    while (!bytes.empty()) {
        const size_t length = inference::utf8_length(bytes);
        if (length == 0 || bytes[0] == '\0') return false;
        bytes.remove_prefix(length);
    }
    return true;
}

/// Collects the texts of one file after the other.
class Reader {
public:
    Reader(Division division, const std::function<bool(std::string_view)>& fits)
        : division_{division}, fits_{fits} {}

    /// An error, or whether the file was text.
    Result<bool, std::string> add(const std::string& path) {
        const auto file = map_file(path);
        if (!file) return Fail{file.error()};
        if (!is_text(as_text(file->bytes))) return false;
        const auto lines = lines_of(as_text(file->bytes));
        for (auto from = lines.begin(); from != lines.end();) {
            if (from->is_blank()) {
                ++from;
                continue;
            }
            const auto end =
                division_ == Division::kLines
                    ? from + 1
                    : std::find_if(from, lines.end(), [](const Line& l) { return l.is_blank(); });
            from = add_piece(path, from, end);
            if (texts_.size() > training::kIndexRowsMax)
                return Fail{path + ": more than " + std::to_string(training::kIndexRowsMax) + " texts"};
        }
        return true;
    }
    std::vector<SourceText> take() { return std::move(texts_); }

private:
    using Lines = std::vector<Line>::const_iterator;

    /// At least a line, and as many as fit. Where the rest begins.
    Lines add_piece(const std::string& path, Lines from, Lines end) {
        const auto until = [&](Lines last) {
            return std::string_view{from->text.data(),
                                    size_t(last->text.data() + last->text.size() - from->text.data())};
        };
        auto last = from;
        while (last + 1 != end && fits_(until(last + 1))) ++last;
        texts_.push_back({path, from->number, std::string{until(last)}});
        return last + 1;
    }

    const Division division_;
    const std::function<bool(std::string_view)>& fits_;
    std::vector<SourceText> texts_;
};

Result<std::vector<std::string>, std::string> files_of(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code error;
    for (fs::recursive_directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
        if (at->path().filename().string().starts_with('.')) {
            at.disable_recursion_pending();
        } else if (at->is_regular_file(error)) {
            files.push_back(at->path().string());
        }
        if (error) break;
    }
    if (error) return Fail{folder + ": " + error.message()};
    std::ranges::sort(files);
    return files;
}

}  // namespace

Result<std::vector<SourceText>, std::string> read_texts(const std::string& path, Division division,
                                                        const std::function<bool(std::string_view)>& fits) {
    Reader reader{division, fits};
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) {
        const auto added = reader.add(path);
        if (!added) return Fail{added.error()};
        if (!*added) return Fail{path + ": not text (UTF-8)"};
        return reader.take();
    }
    const auto files = files_of(path);
    if (!files) return Fail{files.error()};
    for (const std::string& file : *files) {
        const auto added = reader.add(file);
        if (!added) return Fail{added.error()};
        if (!*added) std::cerr << "dai-model: " << file << ": passed over, not text (UTF-8)\n";
    }
    return reader.take();
}

}  // namespace daidd::tools
