#include "worker/server.h"

#include <algorithm>
#include <map>
#include <thread>

#include "consensus/script.h"
#include "util/log.h"
#include "worker/answer.h"

namespace daidd::worker {
namespace {

/// A look at the open jobs is due so often even if nobody pokes: a port may have failed.
constexpr std::chrono::seconds kLookInterval{2};

}  // namespace

struct Server::Impl {
    /// The job's model, if it is open to us in the next block.
    const LocalModel* model_for(const chain::Snapshot& snapshot, const Hash256& id,
                                const ledger::JobRecord& record, const crypto::PublicKey& key) const {
        const uint32_t next = snapshot.tip().height + 1;
        if (next < record.height + ledger::kAssignBlocks || next > record.job.deadline) return nullptr;
        const auto assigning = snapshot.header_at(record.height + 1);
        if (!assigning || ports.has_receipt(id)) return nullptr;
        if (!ledger::is_assigned(id, record, key, next, assigning->beacon, chain.params())) return nullptr;
        for (const auto& local : models) {
            if (local.root == record.job.model) return &local;
        }
        return nullptr;
    }

    std::optional<std::string> send_receipt(const Answering::Answer& answer, const consensus::JobCommand& job,
                                            const crypto::PublicKey& key) const {
        consensus::ReceiptCommand receipt;
        receipt.job = answer.job;
        receipt.worker = key;
        receipt.answer = answer.tokens;
        receipt.result = answer.result;
        auto tokens = job.prompt;
        tokens.insert(tokens.end(), answer.tokens.begin(), answer.tokens.end());
        const auto signature =
            ports.sign(key, consensus::receipt_message(receipt, consensus::tokens_root(tokens)));
        if (!signature) return "the worker key is not ours";
        receipt.signature = *signature;
        const auto tx =
            ports.fund({chain.params().receipt_bond,
                        consensus::command_script(consensus::CommandType::kReceipt, encode(receipt))});
        if (!tx) return "the bond cannot be paid: " + tx.error();
        return ports.send(*tx);
    }

    void set_error(const std::string& error) {
        log(LogLevel::kWarning, "server", error);
        const std::lock_guard lock{mutex};
        info.last_error = error;
    }

    /// Sends the receipt of an answer, if it is one.
    void hand_in(const Answering::Answer& answer, const consensus::JobCommand& job,
                 const crypto::PublicKey& key) {
        if (!answer.failure.empty()) return;
        if (const auto error = send_receipt(answer, job, key)) {
            return set_error("job " + to_hex(answer.job) + ": " + *error);
        }
        log(LogLevel::kInfo, "server",
            "answered job " + to_hex(answer.job) + " with " +
                (answer.result.empty() ? std::to_string(answer.tokens.size()) + " tokens"
                                       : "a result of " + std::to_string(answer.result.size()) + " bytes"));
        const std::lock_guard lock{mutex};
        ++info.answered;
    }

    Answering& answering_of(const LocalModel& model) {
        return answering.try_emplace(model.root, model).first->second;
    }

    void look() {
        const auto key = ports.worker_key();
        if (!key) return;
        const auto snapshot = chain.snapshot();
        for (const auto& id : snapshot->open_jobs()) {
            if (stopping) return;
            const auto record = ledger::find_job(*snapshot, id);
            if (!record) continue;
            const LocalModel* model = model_for(*snapshot, id, *record, *key);
            if (model == nullptr) continue;
            if (const auto answer = answers.find(id); answer != answers.end()) {
                hand_in(answer->second, record->job, *key);
            } else if (Answering& batch = answering_of(*model); !batch.contains(id)) {
                if (const auto error = batch.add(id, record->job)) {
                    const std::lock_guard lock{mutex};
                    info.last_error = *error;
                }
            }
        }
    }

    bool is_idle() const {
        return std::ranges::all_of(answering, [](const auto& batch) { return batch.second.empty(); });
    }

    /// One step of every model that has jobs.
    void step() {
        for (auto& [root, batch] : answering) {
            for (auto& answer : batch.step(gate)) {
                if (!answer.failure.empty()) set_error("job " + to_hex(answer.job) + ": " + answer.failure);
                if (answers.size() >= kAnswersKeptMax) answers.erase(answers.begin());
                const std::lock_guard lock{mutex};
                info.tokens += answer.tokens.size();
                answers[answer.job] = std::move(answer);
                poked = true;  // to hand it in
            }
        }
        show_current();
    }

    void show_current() {
        const auto busy =
            std::ranges::find_if(answering, [](const auto& batch) { return !batch.second.empty(); });
        const std::lock_guard lock{mutex};
        info.current.reset();
        if (busy != answering.end()) info.current = busy->second.oldest();
    }

    /// Until there is something to look at: new jobs join those that are being answered.
    void answer() {
        show_current();
        while (!stopping && !is_idle()) {
            step();
            const std::lock_guard lock{mutex};
            if (poked) return;
        }
    }

    void run() {
        while (!stopping) {
            try {
                look();
                answer();
            } catch (const std::exception& exception) {
                set_error(exception.what());
            }
            std::unique_lock lock{mutex};
            wake.wait_for(lock, kLookInterval, [this] { return poked || stopping; });
            poked = false;
        }
    }

    chain::Chain& chain;
    const std::vector<LocalModel>& models;
    const Ports& ports;
    Gate& gate;
    // Of the thread alone.
    std::map<Hash256, Answering::Answer> answers;  ///< that have ended, failures too: not to try again
    std::map<Hash256, Answering> answering;        ///< by model

    std::mutex mutex;  ///< guards info and poked
    std::condition_variable wake;
    ServerInfo info;
    bool poked = false;
    std::atomic<bool> stopping{false};
    std::thread thread;
};

Server::Server(chain::Chain& chain, const std::vector<LocalModel>& models, const Ports& ports, Gate& gate)
    : impl_{new Impl{chain, models, ports, gate, {}, {}, {}, {}, {}, false, {false}, {}}} {}

Server::~Server() { stop(); }

void Server::start() {
    if (impl_->thread.joinable() || impl_->models.empty()) return;
    impl_->stopping = false;
    impl_->info.running = true;
    impl_->thread = std::thread{[this] { impl_->run(); }};
}

void Server::stop() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->stopping = true;
        impl_->info.running = false;
    }
    impl_->wake.notify_all();
    if (impl_->thread.joinable()) impl_->thread.join();
}

void Server::poke() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->poked = true;
    }
    impl_->wake.notify_all();
}

ServerInfo Server::info() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->info;
}

}  // namespace daidd::worker
