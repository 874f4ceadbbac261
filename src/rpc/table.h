#pragma once

#include <span>

#include "rpc/method.h"

namespace daidd::rpc {

// The rows of each topic; table.cpp joins them.
std::span<const Method> blockchain_methods();
std::span<const Method> control_methods();

}  // namespace daidd::rpc
