#include "node/node.h"

int main(int argc, char** argv) { return daidd::node::run(argc, argv); }
