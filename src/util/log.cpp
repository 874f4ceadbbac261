#include "util/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <string>

namespace daidd {
namespace {

struct Log {
    std::shared_ptr<spdlog::sinks::stderr_sink_mt> console =
        std::make_shared<spdlog::sinks::stderr_sink_mt>();
    std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks = std::make_shared<spdlog::sinks::dist_sink_mt>();
    spdlog::logger logger{"daidd", sinks};

    Log() {
        sinks->add_sink(console);
        logger.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %v", spdlog::pattern_time_type::utc);
        logger.flush_on(spdlog::level::info);
    }
};

Log& instance() {
    static Log log;
    return log;
}

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

void log(LogLevel level, std::string_view part, std::string_view message) {
    instance().logger.log(level_of(level), "[{}] {}", part, message);
}

void set_log_level(LogLevel level) { instance().logger.set_level(level_of(level)); }

void set_log_console(bool on) {
    instance().console->set_level(on ? spdlog::level::trace : spdlog::level::off);
}

bool open_log_file(std::string_view path) {
    try {
        auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(std::string{path});
        file->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %v");
        instance().sinks->add_sink(std::move(file));
        return true;
    } catch (const spdlog::spdlog_ex&) {
        return false;
    }
}

}  // namespace daidd
