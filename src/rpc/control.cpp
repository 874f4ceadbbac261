#include <nlohmann/json.hpp>

#include "rpc/context.h"
#include "rpc/table.h"

namespace daidd::rpc {

using namespace std::chrono;

const Language* Context::find_language(const Hash256& model) const {
    for (const Language& language : languages) {
        if (language.model == model) return &language;
    }
    return nullptr;
}

ActiveCommand::ActiveCommand(Context& context, const std::string& method) : context_{context} {
    const std::lock_guard lock{context_.active_mutex};
    place_ = context_.active.insert(context_.active.end(), {method, steady_clock::now()});
}

ActiveCommand::~ActiveCommand() {
    const std::lock_guard lock{context_.active_mutex};
    context_.active.erase(place_);
}

namespace {

Json help(Context&, const Call& call) {
    if (!call.has(0)) {
        std::string text;
        std::string_view category;
        for (const Method* method : methods()) {
            if (method->category != category) {
                text += (text.empty() ? "== " : "\n== ") + std::string{method->category} + " ==\n";
                category = method->category;
            }
            text += usage_of(*method) + "\n";
        }
        text.pop_back();
        return text;
    }
    const std::string& name = call.string(0);
    if (name == "dump_all_command_conversions") {
        Json rows = Json::array();
        for (const Method* method : methods()) {
            for (size_t i = 0; i < method->args.size(); ++i) {
                const Arg& arg = method->args[i];
                const bool is_text = arg.type == ArgType::kString || arg.type == ArgType::kHash ||
                                     arg.type == ArgType::kId || arg.type == ArgType::kTextOrArray;
                rows.push_back({method->name, i, arg.names.substr(0, arg.names.find('|')), is_text});
            }
        }
        return rows;
    }
    if (const Method* method = find_method(name)) return help_of(*method);
    if (const auto why = why_missing(name))
        return "help: " + name + " is not available yet: " + std::string{*why};
    return "help: unknown command: " + name;
}

Json uptime(Context& context, const Call&) {
    return duration_cast<seconds>(steady_clock::now() - context.started).count();
}

Json stop(Context& context, const Call&) {
    context.shut_down();
    return "daidd stopping";
}

Json getrpcinfo(Context& context, const Call&) {
    Json active = Json::array();
    const auto now = steady_clock::now();
    const std::lock_guard lock{context.active_mutex};
    for (const auto& command : context.active) {
        active.push_back({{"method", command.method},
                          {"duration", duration_cast<microseconds>(now - command.since).count()}});
    }
    return {{"active_commands", active}, {"logpath", context.log_path}};
}

constexpr Arg kHelpArgs[] = {
    {"command", ArgType::kString, false, "The method to explain (default: list all)"}};

const Method kMethods[] = {
    {"control", "getrpcinfo", {}, getrpcinfo, "Returns the requests in progress and where the log is."},
    {"control", "help", kHelpArgs, help, "Lists all methods, or explains one."},
    {"control", "stop", {}, stop, "Requests a graceful shutdown."},
    {"control", "uptime", {}, uptime, "Returns the seconds since the node started."},
};

}  // namespace

std::span<const Method> control_methods() { return kMethods; }

}  // namespace daidd::rpc
