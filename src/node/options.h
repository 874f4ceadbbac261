#pragma once

#include <optional>
#include <string>
#include <vector>

#include "util/result.h"

namespace daidd::node {

/// What a command line and dai.conf say, checked. Nothing is written before this exists.
struct Options {
    std::string chain = "main";  ///< main, test, regtest, or the path of a JSON spec
    std::string datadir;
    std::string model;   ///< integer model file; empty: regtest's generated one
    std::string corpus;  ///< text file; empty: the project's own text
    std::optional<uint16_t> rpc_port;
    std::optional<uint16_t> p2p_port;
    std::string rpc_bind = "127.0.0.1";
    std::string bind = "127.0.0.1";
    bool listen = true;
    std::vector<std::string> connect;  ///< host:port
    bool mine = false;
    std::string mine_address;
    bool serve = true;
    bool verify_work = true;
    unsigned threads = 0;  ///< compute threads; 0: one a core
    std::string device;    ///< runs mined units, "opencl:0"; empty: the processor; "help": list and exit
    bool daemon_wait = false;
    bool print_to_console = true;
    bool debug = false;
    bool check_config = false;
    bool help = false;
    bool version = false;
};

/// Reads the command line, then dai.conf in the data directory (or -conf=FILE). Lines under [network] count
/// for that network alone, which the command line or a line above all sections chooses; the command line
/// wins. Strict: an unknown key or section, an empty number, a number out of range or a doubled key is an
/// error that says where it stands ("dai.conf:3: …").
Result<Options, std::string> read_options(const std::vector<std::string>& arguments);

std::string help_text();

inline constexpr size_t kConnectMax = 64;
inline constexpr unsigned kThreadsMax = 256;

}  // namespace daidd::node
