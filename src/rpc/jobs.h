#pragma once

#include "rpc/context.h"
#include "rpc/method.h"

namespace daidd::rpc {

/// A job as it was asked for, whether or not a block has it.
struct FoundJob {
    ledger::JobRecord record;
    bool in_block = false;
};
/// In the state, else among the transactions that wait.
std::optional<FoundJob> find_job(Context& context, const chain::Snapshot& snapshot, const Hash256& id);

/// The text of tokens, specials left out; nothing without the model's tokenizer.
std::optional<std::string> text_of(const Context& context, const Hash256& model,
                                   const std::vector<uint32_t>& tokens);

/// An address of an output key.
std::string key_address(const Context& context, const crypto::PublicKey& key);

}  // namespace daidd::rpc
