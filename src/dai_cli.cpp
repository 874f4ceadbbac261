#include "cli/run.h"

int main(int argc, char** argv) { return daidd::cli::run(argc, argv); }
