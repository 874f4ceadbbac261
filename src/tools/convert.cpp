#include "import/convert.h"

#include <unistd.h>

#include <iostream>

#include "tools/commands.h"
#include "util/mapped_file.h"
#include "work/mine.h"

namespace daidd::tools {

Outcome convert(const ConvertArguments& arguments) {
    const auto source = map_file(arguments.source);
    if (!source) return source.error();
    const auto container = inference::GgufFile::parse(source->bytes);
    if (!container) return arguments.source + ": " + to_string(container.error());

    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const auto progress = [terminal](uint32_t step, uint32_t steps) {
        if (!terminal && step != steps) return;
        std::cerr << (terminal ? "\r" : "") << "converting: " << step << " of " << steps << " parts"
                  << (step == steps ? "\n" : "") << std::flush;
    };
    const auto bytes = import::convert(*container, {arguments.precision, arguments.threads, progress});
    if (!bytes) return arguments.source + ": " + to_string(bytes.error());
    // What is written must be a model: a source with numbers that no operation may have ends here.
    const auto model = inference::Model::load(*bytes, inference::Backend::kScalar);
    if (!model) return arguments.source + ": " + model.error().text();
    if (const auto error = write_file(arguments.target, *bytes)) return error;
    std::cout << arguments.target << ": " << bytes->size() << " bytes, model root "
              << to_hex(work::model_root(*model, 1024)) << " (units of 1024 tokens)\n";
    return std::nullopt;
}

}  // namespace daidd::tools
