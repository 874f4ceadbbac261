#pragma once

#include <stdexcept>
#include <string>

namespace daidd::store {

enum class ErrorKind {
    kLocked,    ///< another process (or another Database of this one) has the directory open
    kAccess,    ///< the directory or a file in it cannot be made, read or written
    kDiskFull,  ///< no space left; the transaction did not happen
    kMapFull,   ///< the map must grow first; the transaction did not happen
    kCorrupt,   ///< what is on the disk is not what was written
    kIo,        ///< anything else the system reports; also a disk that filled up in the middle of a write
};

/// A disk that fails is not a bad block: nobody but node/ can do anything about it, so it is thrown.
class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message) : std::runtime_error{message}, kind_{kind} {}
    ErrorKind kind() const { return kind_; }

private:
    ErrorKind kind_;
};

}  // namespace daidd::store
