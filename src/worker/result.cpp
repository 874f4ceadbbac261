#include "worker/result.h"

#include <algorithm>
#include <cassert>

#include "training/embed.h"
#include "training/loss_runner.h"
#include "training/vector_index.h"

namespace daidd::worker {

using consensus::JobCommand;
using consensus::JobKind;

namespace {

/// Positions of a step: about as long as one of the batcher's, so that answers wait no longer for it.
constexpr uint32_t kStepTokens = 64;

template <class T>
std::optional<JobResult> parse(ByteView bytes) {
    auto result = decode<T>(bytes);
    if (!result) return std::nullopt;
    return *std::move(result);
}

static_assert(consensus::kEmbedCodesMax == training::kVectorWidthMax);

std::string difference(const training::LossSum& claimed, const training::LossSum& expected) {
    return claimed.tokens != expected.tokens ? "tokens" : "loss";
}

std::string difference(const training::Vector& claimed, const training::Vector& expected) {
    if (claimed.codes.size() != expected.codes.size()) return "width";
    const auto code = std::ranges::mismatch(claimed.codes, expected.codes).in1;
    if (code != claimed.codes.end()) return "codes[" + std::to_string(code - claimed.codes.begin()) + "]";
    return claimed.mantissa != expected.mantissa ? "mantissa" : "exponent";
}

std::string difference(const IndexResult& claimed, const IndexResult& expected) {
    return claimed.rows != expected.rows ? "rows" : "root";
}

/// The prompt is one window.
class Evaluating final : public Computation {
public:
    Evaluating(const LocalModel& model, const JobCommand& job, unsigned threads)
        : options_{.threads = threads, .chunk = kStepTokens},
          runner_{model.model, options_},
          sequence_{model.model, uint32_t(job.prompt.size())},
          rest_{job.prompt} {}

    std::optional<Result<Bytes, std::string>> step() override {
        const size_t count = std::min<size_t>(kStepTokens, rest_.size() - 1);
        if (const auto error = runner_.add(sequence_, rest_.first(count + 1), sum_)) {
            return Fail{std::string{to_string(*error)}};
        }
        rest_ = rest_.subspan(count);
        if (rest_.size() > 1) return std::nullopt;
        return encode(sum_);
    }

private:
    training::EvalOptions options_;
    training::LossRunner runner_;
    inference::Sequence sequence_;
    std::span<const uint32_t> rest_;  ///< from the last token that was predicted on
    training::LossSum sum_;
};

class Embedding final : public Computation {
public:
    Embedding(const LocalModel& model, const JobCommand& job, unsigned threads)
        : embedding_{model.model, job.prompt, {.threads = threads, .chunk = kStepTokens}} {}

    std::optional<Result<Bytes, std::string>> step() override {
        const auto vector = embedding_.step();
        if (!vector) return std::nullopt;
        if (!*vector) return Fail{std::string{to_string(vector->error())}};
        return encode(**vector);
    }

private:
    training::Embedding embedding_;
};

/// Document after document; each is named by its tokens and numbered by its place.
class Indexing final : public Computation {
public:
    Indexing(const LocalModel& model, const JobCommand& job, unsigned threads)
        : model_{model},
          options_{.threads = threads, .chunk = kStepTokens},
          documents_{documents_of(job.prompt)} {}

    std::optional<Result<Bytes, std::string>> step() override {
        const auto document = documents_[rows_.size()];
        if (!embedding_) embedding_.emplace(model_.model, document, options_);
        const auto vector = embedding_->step();
        if (!vector) return std::nullopt;
        const std::string where = "document " + std::to_string(rows_.size());
        if (!*vector) return Fail{where + ": " + std::string{to_string(vector->error())}};
        rows_.push_back({rows_.size(), consensus::tokens_root({document.begin(), document.end()}), **vector});
        embedding_.reset();
        if (rows_.size() < documents_.size()) return std::nullopt;
        const auto width = uint32_t(rows_[0].vector.codes.size());
        const auto index = training::VectorIndex::build(model_.root, width, std::move(rows_));
        assert(index);  // rows of one model, in order
        return encode(IndexResult{uint32_t(index->rows()), index->root()});
    }

private:
    const LocalModel& model_;
    const training::EvalOptions options_;
    const std::vector<std::span<const uint32_t>> documents_;
    std::optional<training::Embedding> embedding_;  ///< of the next document
    std::vector<training::IndexRow> rows_;
};

std::optional<std::string> too_long(std::string_view what, size_t tokens, size_t context) {
    if (tokens <= context) return std::nullopt;
    return std::string{what} + ": " + std::to_string(tokens) + " tokens, the model's context is " +
           std::to_string(context);
}

}  // namespace

std::optional<JobResult> parse_result(uint8_t kind, ByteView bytes) {
    if (kind == uint8_t(JobKind::kEval)) return parse<training::LossSum>(bytes);
    if (kind == uint8_t(JobKind::kIndex)) return parse<IndexResult>(bytes);
    if (kind != uint8_t(JobKind::kEmbed)) return std::nullopt;
    auto result = parse<training::Vector>(bytes);
    if (!result || !is_valid(std::get<training::Vector>(*result))) return std::nullopt;
    return result;
}

std::vector<std::span<const uint32_t>> documents_of(std::span<const uint32_t> prompt) {
    std::vector<std::span<const uint32_t>> documents;
    for (auto rest = prompt; !rest.empty();) {
        rest = rest.subspan(1);
        const auto document = rest.first(size_t(std::ranges::find(rest, prompt[0]) - rest.begin()));
        if (!document.empty()) documents.push_back(document);
        rest = rest.subspan(document.size());
    }
    return documents;
}

std::optional<std::string> first_difference(uint8_t kind, ByteView claimed, ByteView expected) {
    if (std::ranges::equal(claimed, expected)) return std::nullopt;
    const auto ours = parse_result(kind, expected);
    const auto theirs = parse_result(kind, claimed);
    if (!ours || !theirs) return "encoding";
    return std::visit(
        [&](const auto& result) {
            return difference(std::get<std::decay_t<decltype(result)>>(*theirs), result);
        },
        *ours);
}

std::optional<std::string> misfit_of(const LocalModel& model, const JobCommand& job) {
    const auto& d = model.model.dimensions();
    if (job.prompt.size() < consensus::prompt_tokens_min(job.kind)) return "prompt: too short";
    const auto unknown =
        std::ranges::find_if(job.prompt, [&](uint32_t token) { return token >= d.vocabulary; });
    if (unknown != job.prompt.end()) {
        return "prompt: token " + std::to_string(*unknown) + " is not in the model's vocabulary";
    }
    const bool embeds = job.kind == uint8_t(JobKind::kEmbed) || job.kind == uint8_t(JobKind::kIndex);
    if (!embeds && model.model.graph().is_encoder())
        return "the model is an encoder: it has embeddings alone";
    if (job.kind != uint8_t(JobKind::kIndex)) return too_long("prompt", job.prompt.size(), d.context);
    const auto documents = documents_of(job.prompt);
    if (documents.empty()) return "prompt: no document";
    for (size_t i = 0; i < documents.size(); ++i) {
        if (auto longer = too_long("document " + std::to_string(i), documents[i].size(), d.context))
            return longer;
    }
    return std::nullopt;
}

Result<std::unique_ptr<Computation>, std::string> make_computation(const LocalModel& model,
                                                                   const JobCommand& job, unsigned threads) {
    if (auto misfit = misfit_of(model, job)) return Fail{*std::move(misfit)};
    std::unique_ptr<Computation> made;
    if (job.kind == uint8_t(JobKind::kEval)) made = std::make_unique<Evaluating>(model, job, threads);
    if (job.kind == uint8_t(JobKind::kEmbed)) made = std::make_unique<Embedding>(model, job, threads);
    if (job.kind == uint8_t(JobKind::kIndex)) made = std::make_unique<Indexing>(model, job, threads);
    if (made == nullptr) return Fail{"kind " + std::to_string(job.kind) + " has no result"};
    return made;
}

Result<Bytes, std::string> compute_result(const LocalModel& model, const JobCommand& job, unsigned threads) {
    const auto computation = make_computation(model, job, threads);
    if (!computation) return Fail{computation.error()};
    for (;;) {
        if (auto result = (*computation)->step()) return *std::move(result);
    }
}

}  // namespace daidd::worker
