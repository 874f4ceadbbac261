#include <gtest/gtest.h>

#include <algorithm>

#include "inference/manifest.h"
#include "inference/model_file.h"
#include "inference/random.h"
#include "inference/toy.h"

// A model file with one bit that is not as it was: refused by a field's name, or another model by its root,
// or one of the bits that no logit depends on, which are listed here.
namespace daidd::inference {
namespace {

/// A model with biases and gains. Its exponents are unlike each other, so that no tensor has the bytes of
/// another one and an offset that is wrong shows.
Bytes small_file() {
    ToyShape shape;
    shape.dimensions = {.vocabulary = 20,
                        .layers = 1,
                        .dim = 20,
                        .ffn = 12,
                        .heads = 2,
                        .kv_heads = 1,
                        .head_dim = 16,
                        .context = 8};
    shape.bias = shape.gains = true;
    ModelParts parts = make_toy(shape);
    parts.end_tokens = {3, 7};
    Random random{1};
    std::vector<std::vector<uint8_t>> exponents;
    const auto unlike = [&](std::span<const uint8_t>& ew) {
        auto& own = exponents.emplace_back(ew.size());
        for (uint8_t& e : own) e = uint8_t(random.in(kEwMin, kEwMax));
        ew = own;
    };
    exponents.reserve(parts.linears.size() + 1);
    unlike(parts.embedding.ew);
    for (size_t i = 0; i < parts.linears.size(); ++i) {
        parts.linears[i].name = "name " + std::to_string(i);
        unlike(parts.linears[i].ew);
    }
    GgufWriter writer;
    write_model(parts, writer);
    return writer.finish();
}

/// Every bit of these bytes, or only those of `mask`, may change without changing the root.
class FreeBits {
public:
    FreeBits(const Bytes& file, size_t linears) : masks_(file.size(), 0), file_{file} {
        masks_[4] = 1;  // version 3 becomes 2, which has the same layout
        // A number may be signed: u32 (4) becomes i32 (5), u64 (10) i64 (11).
        const auto parsed = GgufFile::parse(file);
        for (const auto& field : parsed->fields()) {
            const auto type = field.value.type;
            if (type == GgufValueType::kU32 || type == GgufValueType::kU64) masks_[after(field.key)] = 1;
        }
        // For people. A key of another name is one that nobody reads.
        mark_text_at(after("dai.family") + 4);
        mark_key("dai.linear_names");
        mark_key("dai.end_tokens");
        size_t at = after("dai.linear_names") + 4 + 4 + 8;
        for (size_t i = 0; i < linears; ++i) at = mark_text_at(at);
        // Generation stops there, but no logit changes: u32 may be i32, and another token of the vocabulary.
        at = after("dai.end_tokens");
        masks_[at + 4] = 1;
        for (const size_t token : {at + 16, at + 20}) masks_[token] = 0x1f;
    }
    /// What lies between the tensors' bytes and behind the header.
    void mark_padding() {
        const auto parsed = GgufFile::parse(file_);
        std::vector<bool> used(file_.size());
        size_t begin = file_.size();
        for (const GgufTensor& tensor : parsed->tensors()) {
            const auto at = size_t(tensor.data.data() - file_.data());
            begin = std::min(begin, at);
            std::fill_n(used.begin() + ptrdiff_t(at), tensor.data.size(), true);
        }
        const std::string_view last = parsed->tensors().back().name;
        // Behind a name: count of dimensions, dimensions, type, offset.
        const size_t header_end = after(last) + 4 + 8 * parsed->tensors().back().dims.size() + 4 + 8;
        for (size_t i = header_end; i < file_.size(); ++i)
            masks_[i] = i < begin || !used[i] ? 0xff : masks_[i];
    }
    uint8_t mask(size_t at) const { return masks_[at]; }

private:
    size_t after(std::string_view text) const {
        const auto at = std::find_end(file_.begin(), file_.end(), text.begin(), text.end());
        EXPECT_NE(at, file_.end()) << text;
        return size_t(at - file_.begin()) + text.size();
    }
    void mark_key(std::string_view key) {
        for (size_t i = after(key) - key.size(); i < after(key); ++i) masks_[i] = 0xff;
    }
    /// A text's length, then the text. Where the next one begins.
    size_t mark_text_at(size_t at) {
        const size_t size = file_[at];
        std::fill_n(masks_.begin() + ptrdiff_t(at) + 8, size, uint8_t{0xff});
        return at + 8 + size;
    }

    std::vector<uint8_t> masks_;
    const Bytes& file_;
};

enum class Fate { kRefused, kOtherRoot, kSame };

class ModelFlips : public testing::Test {
protected:
    ModelFlips() { free_.mark_padding(); }
    Fate fate(size_t at, int bit) const {
        Bytes flipped = file_;
        flipped[at] ^= uint8_t(1 << bit);
        const auto model = Model::load(flipped, Backend::kScalar);
        if (!model) {
            EXPECT_FALSE(model.error().field.empty()) << "byte " << at << " bit " << bit;
            return Fate::kRefused;
        }
        return ModelTree{*model, 16}.root() == root_ ? Fate::kSame : Fate::kOtherRoot;
    }

    const Bytes file_ = small_file();
    const Hash256 root_ = ModelTree{*Model::load(file_, Backend::kScalar), 16}.root();
    FreeBits free_{file_, size_t(*GgufFile::parse(file_)->number_at("dai.linears", 99))};
};

TEST_F(ModelFlips, OfAnyByteAreRefusedOrSeenInTheRoot) {
    Random random{2};
    size_t refused = 0, seen = 0;
    ASSERT_LT(file_.size(), 20'000u) << "small enough for every byte";
    for (size_t at = 0; at < file_.size(); ++at) {
        const int bit = int(random.in(0, 7));
        const Fate found = fate(at, bit);
        refused += found == Fate::kRefused;
        seen += found == Fate::kOtherRoot;
        EXPECT_TRUE(found != Fate::kSame || (free_.mask(at) & 1 << bit) != 0)
            << "byte " << at << " bit " << bit;
    }
    // Most bytes are weights and constants, where another value is another model.
    EXPECT_GT(seen, file_.size() / 2);
    EXPECT_GT(refused, 500u);
}

TEST_F(ModelFlips, OfFreeBitsChangeNothing) {
    size_t bits = 0;
    for (size_t at = 0; at < file_.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            if ((free_.mask(at) & 1 << bit) == 0) continue;
            ++bits;
            const Fate found = fate(at, bit);
            // A token of 20 … 31 is none of the vocabulary.
            const bool is_token = free_.mask(at) == 0x1f;
            EXPECT_TRUE(found == Fate::kSame || (is_token && found == Fate::kRefused))
                << "byte " << at << " bit " << bit;
        }
    }
    EXPECT_GT(bits, 1000u);
}

/// The bits of all that is not weights: the header as a whole.
TEST_F(ModelFlips, OfTheHeaderAreRefusedOrSeenInTheRoot) {
    const auto parsed = GgufFile::parse(file_);
    size_t header = file_.size();
    for (const GgufTensor& tensor : parsed->tensors()) {
        header = std::min(header, size_t(tensor.data.data() - file_.data()));
    }
    for (size_t at = 0; at < header; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            if (fate(at, bit) != Fate::kSame) continue;
            EXPECT_TRUE(free_.mask(at) & 1 << bit) << "byte " << at << " bit " << bit;
        }
    }
}

}  // namespace
}  // namespace daidd::inference
