#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace daidd::cli {

/// Verbs of ours that submit a job and wait for it: chat, ask, eval, embed, index.
bool is_question(std::string_view word);

/// A command line, read. Options stand before the method, as in bitcoin-cli; questions take some behind it.
struct Options {
    std::string network = "main";  ///< data subdirectory; main has none
    uint16_t port = 0;
    std::string host = "127.0.0.1";
    std::string data_directory;
    std::string cookie_file;
    std::string user;
    std::string password;
    std::string wallet;
    bool has_wallet = false;
    int timeout_s = 900;
    int wait_timeout_s = 0;  ///< of -rpcwait; 0: for ever
    bool wait = false;
    bool named = false;
    bool read_stdin = false;
    bool help = false;
    bool get_info = false;
    bool net_info = false;
    bool json = false;
    bool dry_run = false;
    int64_t tokens_max = 0;  ///< of an answer; 0: the node's choice

    std::vector<std::string> words;  ///< the method and its arguments
};

/// `home`: where ~/.dai is. The error is a sentence for the user.
Result<Options, std::string> parse_options(const std::vector<std::string>& args, const std::string& home);

std::string usage();

}  // namespace daidd::cli
