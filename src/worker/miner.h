#pragma once

#include <chrono>
#include <memory>

#include "worker/gate.h"
#include "worker/ports.h"

namespace daidd::worker {

/// Where a chain does not retarget, blocks are this far apart while nothing waits for one; but the first ones
/// come at once, until the first coins can be spent.
inline constexpr std::chrono::milliseconds kPacedBlockInterval{1000};

struct MinerInfo {
    bool running = false;
    crypto::PublicKey key{};
    uint64_t units = 0;            ///< run since the start, start units included
    uint64_t blocks = 0;           ///< accepted since the start
    uint64_t lanes_restarted = 0;  ///< because the last unit had become too old, or was at the end
    std::array<uint64_t, consensus::kKinds> units_of_kind{};
    std::string device;  ///< that runs the units; empty: this processor
    std::string last_error;
};

/// Runs units and seals blocks (protocol §3, §4). A lane keeps its last two units; when the tip changes, the
/// unit in progress is given up and the lane goes on if its last unit is young enough. Units run by their
/// model's PassRunner until it fails once, and on this processor from then on.
class Miner {
public:
    /// `models` may be empty: then nothing can be mined and the calls say so.
    Miner(chain::Chain& chain, const std::vector<LocalModel>& models, const work::Corpora& corpora,
          const Ports& ports, Gate& gate, unsigned threads);
    ~Miner();
    Miner(const Miner&) = delete;
    Miner& operator=(const Miner&) = delete;

    /// Mines to `key` until stop(), on its own thread; the reason it cannot.
    std::optional<std::string> start(const crypto::PublicKey& key);
    void stop();

    /// Mines `count` blocks to `key` on the caller's thread, whatever start() does meanwhile; the hashes.
    Result<std::vector<Hash256>, std::string> generate(size_t count, const crypto::PublicKey& key);

    MinerInfo info() const;
    /// Whether the block was sealed here, of late.
    bool made(const Hash256& block) const;
    /// The tip has moved, or something waits for a block.
    void poke();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::worker
