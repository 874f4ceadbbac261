#pragma once

#include "consensus/transaction.h"
#include "crypto/keys.h"

namespace daidd::consensus {

/// OP_1 <32 bytes>: the only spendable form.
Bytes taproot_script(const crypto::PublicKey& output_key);
/// The key of such an output; nothing for any other script.
std::optional<crypto::PublicKey> taproot_key(ByteView script);

/// Every protocol output begins with OP_RETURN <push of "dai" ‖ type ‖ payload>, one push of any form that
/// is minimal for its length. kCommitment is the coinbase's. Reaches the chain: never renumber one.
enum class CommandType : uint8_t { kCommitment = 0, kJob = 1, kReceipt = 2 };
/// Types that later versions will define. They are refused in blocks until then ("bad-command-type").
inline constexpr uint8_t kCommandTypeLast = 2;

/// Payload bytes of one command, the type not counted.
inline constexpr size_t kCommandBytesMax = 100'000;

struct CommandPush {
    uint8_t type = 0;
    ByteView payload;  ///< into the script
};

Bytes command_script(CommandType type, ByteView payload);
/// Nothing if the script is not OP_RETURN with exactly one push that begins with "dai" and a type.
std::optional<CommandPush> parse_command(ByteView script);
bool is_op_return(ByteView script);
/// OP_RETURN <data>, which nothing can spend. Requires at least 2 bytes of data.
Bytes op_return_script(ByteView data);

/// The coinbase's promise: the state after this block, and the seal.
struct Commitment {
    Hash256 state_root{};
    Hash256 seal_root{};

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.state_root, self.seal_root);
    }
};

/// BIP141's output: OP_RETURN <aa21a9ed ‖ commitment>.
Bytes witness_commitment_script(const Hash256& commitment);
bool is_witness_commitment(ByteView script);

/// BIP34 height as the coinbase's script_sig begins with it.
Bytes height_script(uint32_t height);

/// BIP341 key path, SIGHASH_DEFAULT only. What all inputs share is hashed once, so a transaction of many
/// inputs costs no quadratic time. `spent` are the outputs that the inputs spend, in order.
class SignatureHasher {
public:
    SignatureHasher(const Transaction& tx, const std::vector<TxOut>& spent);
    Hash256 hash(size_t input) const;

private:
    Bytes common_;
};

/// The same for one input alone. `spent` are the outputs that the inputs spend, in order.
Hash256 signature_hash(const Transaction& tx, size_t input, const std::vector<TxOut>& spent);

}  // namespace daidd::consensus
