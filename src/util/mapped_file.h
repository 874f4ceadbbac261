#pragma once

#include <memory>
#include <string>

#include "util/bytes.h"
#include "util/result.h"

namespace daidd {

/// A file's bytes, mapped read-only: processes that read one model share its memory. The bytes stay valid as
/// long as the last copy of `memory`. Do not truncate the file meanwhile.
struct MappedFile {
    ByteView bytes;
    std::shared_ptr<const void> memory;
};

/// The error names the file and the system's reason.
Result<MappedFile, std::string> map_file(const std::string& path);

/// Replaces `path` at once: writes beside it, then renames. The error names the file and the reason.
std::optional<std::string> write_file(const std::string& path, ByteView bytes);

}  // namespace daidd
