#include "tools/cli.h"

int main(int argc, char** argv) { return daidd::tools::run_cli(argc, argv); }
