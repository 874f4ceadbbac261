#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace daidd::tools {

/// A text and where it stands.
struct SourceText {
    std::string file;
    uint64_t line = 0;  ///< of the file, from 1: the text's first
    std::string text;
};

/// Where texts end: at every line, or at lines without a character other than white space.
enum class Division : uint8_t { kLines, kParagraphs };

/// The texts of a file, or of all files of a folder and of those in it, in order of path. Lines without a
/// character other than white space are none. A paragraph that does not fit is cut at ends of lines, each
/// piece as long as fits. Of a folder, names that begin with a dot are passed over, and so is what is not
/// UTF-8; the latter is named on stderr. Refuses, in a sentence that names it: what cannot be read, a file
/// that is not UTF-8, more than kIndexRowsMax texts.
Result<std::vector<SourceText>, std::string> read_texts(const std::string& path, Division division,
                                                        const std::function<bool(std::string_view)>& fits);

}  // namespace daidd::tools
