#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "device/devices.h"
#include "node/chain_spec.h"
#include "node/node.h"
#include "rpc/address.h"
#include "util/log.h"

namespace daidd::node {
namespace {

constexpr const char* kVersion = "daidd 0.1.0";

int fail(const std::string& error) {
    std::cerr << "Error: " << error << "\n";
    return 1;
}

int list_devices() {
    try {
        std::cout << device::describe_devices();
    } catch (const device::DeviceFailure& failure) {
        return fail(std::string{"-device: "} + failure.what());
    }
    return 0;
}

/// Waits for SIGINT or SIGTERM, which every thread has blocked, and asks the node to stop. SIGUSR1 ends it.
void wait_for_signal(Node& node, const sigset_t& signals) {
    int signal = 0;
    if (sigwait(&signals, &signal) == 0 && signal != SIGUSR1) node.request_stop();
}

int serve(const Options& options, const consensus::Params& params, int ready_pipe) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);

    Node node{options, params};
    if (const auto error = node.start()) return fail(*error);
    if (ready_pipe >= 0) {
        if (write(ready_pipe, "1", 1) != 1) log(LogLevel::kWarning, "node", "nobody waits for the start");
        close(ready_pipe);
    }
    std::thread waiter{[&] { wait_for_signal(node, signals); }};
    node.wait_for_stop();
    pthread_kill(waiter.native_handle(), SIGUSR1);
    waiter.join();
    return 0;
}

/// Goes to the background; the parent returns when RPC answers or the start has failed.
int serve_in_background(const Options& options, const consensus::Params& params) {
    int ends[2];
    if (pipe(ends) != 0) return fail("-daemonwait: no pipe");
    const pid_t child = fork();
    if (child < 0) return fail("-daemonwait: cannot fork");
    if (child == 0) {
        close(ends[0]);
        setsid();
        return serve(options, params, ends[1]);
    }
    close(ends[1]);
    char byte = 0;
    const ssize_t got = read(ends[0], &byte, 1);
    close(ends[0]);
    if (got == 1) return 0;
    int status = 0;
    waitpid(child, &status, 0);
    return 1;
}

}  // namespace

int run(int argc, char** argv) {
    const auto options = read_options(std::vector<std::string>(argv + 1, argv + argc));
    if (!options) return fail(options.error());
    if (options->help) {
        std::cout << help_text();
        return 0;
    }
    if (options->version) {
        std::cout << kVersion << "\n";
        return 0;
    }
    if (options->device == "help") return list_devices();
    const auto params = load_chain(options->chain);
    if (!params) return fail(params.error());
    if (!options->mine_address.empty() && !rpc::parse_address(options->mine_address, *params)) {
        return fail("-mineaddress: '" + options->mine_address + "' is not an address of this network");
    }
    if (options->check_config) return 0;
    set_log_console(options->print_to_console && !options->daemon_wait);
    if (options->debug) set_log_level(LogLevel::kDebug);
    return options->daemon_wait ? serve_in_background(*options, *params) : serve(*options, *params, -1);
}

}  // namespace daidd::node
