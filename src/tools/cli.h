#pragma once

namespace daidd::tools {

/// `dai-model`: the exit code.
int run_cli(int argc, char** argv);

}  // namespace daidd::tools
