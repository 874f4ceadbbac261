#include "util/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace daidd {
namespace {

std::string system_error(const std::string& path) { return path + ": " + std::strerror(errno); }

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

std::optional<std::string> write_whole(const std::string& path, ByteView bytes) {
    const Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) return system_error(path);
    while (!bytes.empty()) {
        const ssize_t written = ::write(file.fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return system_error(path);
        bytes = bytes.subspan(size_t(written));
    }
    if (::fsync(file.fd) != 0) return system_error(path);
    return std::nullopt;
}

}  // namespace

Result<MappedFile, std::string> map_file(const std::string& path) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) return Fail{system_error(path)};
    struct stat status {};
    if (::fstat(file.fd, &status) != 0) return Fail{system_error(path)};
    if (!S_ISREG(status.st_mode)) return Fail{path + ": not a regular file"};
    const auto size = size_t(status.st_size);
    if (size == 0) return MappedFile{};
    void* const begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (begin == MAP_FAILED) return Fail{system_error(path)};
    return MappedFile{.bytes = {static_cast<const uint8_t*>(begin), size},
                      .memory = std::shared_ptr<const void>{
                          begin, [size](const void* memory) { ::munmap(const_cast<void*>(memory), size); }}};
}

std::optional<std::string> write_file(const std::string& path, ByteView bytes) {
    const std::string part = path + ".part";
    auto error = write_whole(part, bytes);
    if (!error && std::rename(part.c_str(), path.c_str()) != 0) error = system_error(path);
    if (error) ::unlink(part.c_str());
    return error;
}

}  // namespace daidd
