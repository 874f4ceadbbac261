#pragma once

#include <span>

#include "rpc/method.h"

namespace daidd::rpc {

// The rows of each topic; table.cpp joins them.
std::span<const Method> blockchain_methods();
std::span<const Method> control_methods();
std::span<const Method> job_methods();
std::span<const Method> mempool_methods();
std::span<const Method> mining_methods();
std::span<const Method> network_methods();
std::span<const Method> seal_methods();
std::span<const Method> submit_methods();
std::span<const Method> transaction_methods();
std::span<const Method> util_methods();
std::span<const Method> wallet_methods();
std::span<const Method> wallet_transaction_methods();

}  // namespace daidd::rpc
