#include "inference/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "inference/gguf_writer.h"

namespace daidd::inference {
namespace {

/// Three fields of different kinds, an alignment of its own and two tensors.
Bytes small_file() {
    GgufWriter writer;
    writer.add_text("general.architecture", "llama");
    writer.add_number("general.alignment", 32);
    writer.add_number64("big", uint64_t{1} << 40);
    writer.add_value("words", {.type = GgufValueType::kArray,
                               .element_type = GgufValueType::kText,
                               .numbers = {},
                               .texts = {"a", "", "ccc"}});
    writer.add_value("kinds", {.type = GgufValueType::kArray,
                               .element_type = GgufValueType::kI32,
                               .numbers = {1, uint64_t(-3)},
                               .texts = {}});
    writer.add_value("epsilon", {.type = GgufValueType::kF32, .numbers = {0x3727c5ac}, .texts = {}});
    writer.add_value("minus", {.type = GgufValueType::kI8, .numbers = {uint64_t(-1)}, .texts = {}});
    writer.add_tensor("first", GgufType::kI8, {3, 2}, {1, 2, 3, 4, 5, 6});
    writer.add_tensor("second", GgufType::kQ8_0, {32}, Bytes(34, 7));
    return writer.finish();
}

/// Where the number of `bytes` bytes after the text `before` stands.
size_t after(const Bytes& file, std::string_view before) {
    const auto found = std::search(file.begin(), file.end(), before.begin(), before.end());
    EXPECT_NE(found, file.end());
    return size_t(found - file.begin()) + before.size();
}

void set(Bytes& file, size_t at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) file[at + i] = uint8_t(value >> (8 * i));
}

struct SpoiledFile {
    const char* name;
    void (*spoil)(Bytes&);
    GgufReason reason;
    const char* field;
};
void PrintTo(const SpoiledFile& spoiled, std::ostream* out) { *out << spoiled.name; }

// Key, then its type (4 bytes), then its value; a tensor's name, then dimensions (4), sizes (8), type,
// offset.
const SpoiledFile kSpoiledFiles[] = {
    {"empty", [](Bytes& f) { f.clear(); }, GgufReason::kTruncated, "magic"},
    {"magic", [](Bytes& f) { f[3] = 'G'; }, GgufReason::kBadMagic, "magic"},
    {"version_1", [](Bytes& f) { set(f, 4, 1, 4); }, GgufReason::kBadVersion, "version"},
    {"version_4", [](Bytes& f) { set(f, 4, 4, 4); }, GgufReason::kBadVersion, "version"},
    {"big_endian", [](Bytes& f) { set(f, 4, 0x03000000, 4); }, GgufReason::kBadVersion, "version"},
    {"tensors_over_limit", [](Bytes& f) { set(f, 8, kGgufTensorsMax + 1, 8); }, GgufReason::kOverLimit,
     "tensor_count"},
    {"tensors_not_there", [](Bytes& f) { set(f, 8, 3, 8); }, GgufReason::kBadValue, "tensor name 2"},
    {"fields_over_limit", [](Bytes& f) { set(f, 16, kGgufFieldsMax + 1, 8); }, GgufReason::kOverLimit,
     "metadata_kv_count"},
    {"key_length_huge", [](Bytes& f) { set(f, 24, ~uint64_t{0}, 8); }, GgufReason::kOverLimit,
     "metadata key 0"},
    {"key_length_one_past", [](Bytes& f) { set(f, 24, kGgufNameMax + 1, 8); }, GgufReason::kOverLimit,
     "metadata key 0"},
    {"key_empty", [](Bytes& f) { set(f, 24, 0, 8); }, GgufReason::kBadValue, "metadata key 0"},
    {"text_longer_than_file", [](Bytes& f) { set(f, after(f, "general.architecture") + 4, f.size(), 8); },
     GgufReason::kTruncated, "general.architecture"},
    {"text_length_huge", [](Bytes& f) { set(f, after(f, "general.architecture") + 4, ~uint64_t{0}, 8); },
     GgufReason::kOverLimit, "general.architecture"},
    {"array_count_huge", [](Bytes& f) { set(f, after(f, "words") + 8, ~uint64_t{0}, 8); },
     GgufReason::kOverLimit, "words"},
    {"array_count_at_limit", [](Bytes& f) { set(f, after(f, "words") + 8, kGgufArrayMax, 8); },
     GgufReason::kTruncated, "words"},
    {"array_of_arrays", [](Bytes& f) { set(f, after(f, "words") + 4, 9, 4); }, GgufReason::kUnknownType,
     "words"},
    {"value_type", [](Bytes& f) { set(f, after(f, "big"), 13, 4); }, GgufReason::kUnknownType, "big"},
    {"same_key_twice", [](Bytes& f) { std::copy_n("kinds", 5, f.begin() + long(after(f, "words")) - 5); },
     GgufReason::kDuplicate, "kinds"},
    {"alignment_12", [](Bytes& f) { set(f, after(f, "alignment") + 4, 12, 4); }, GgufReason::kBadAlignment,
     "general.alignment"},
    {"alignment_0", [](Bytes& f) { set(f, after(f, "alignment") + 4, 0, 4); }, GgufReason::kBadAlignment,
     "general.alignment"},
    {"alignment_over_limit", [](Bytes& f) { set(f, after(f, "alignment") + 4, 2 * kGgufAlignmentMax, 4); },
     GgufReason::kBadValue, "general.alignment"},
    {"dimensions_0", [](Bytes& f) { set(f, after(f, "first"), 0, 4); }, GgufReason::kOverLimit, "first"},
    {"dimensions_5", [](Bytes& f) { set(f, after(f, "first"), 5, 4); }, GgufReason::kOverLimit, "first"},
    {"dimension_is_0", [](Bytes& f) { set(f, after(f, "first") + 4, 0, 8); }, GgufReason::kBadShape, "first"},
    {"elements_overflow", [](Bytes& f) { set(f, after(f, "first") + 4, ~uint64_t{0}, 8); },
     GgufReason::kOverLimit, "first"},
    {"elements_at_limit", [](Bytes& f) { set(f, after(f, "first") + 4, kGgufElementsMax / 2, 8); },
     GgufReason::kOutsideFile, "first"},
    {"half_a_block", [](Bytes& f) { set(f, after(f, "second") + 4, 48, 8); }, GgufReason::kBadShape,
     "second"},
    {"tensor_type", [](Bytes& f) { set(f, after(f, "second") + 12, 4, 4); }, GgufReason::kUnknownType,
     "second"},
    {"offset_unaligned", [](Bytes& f) { set(f, after(f, "second") + 16, 33, 8); }, GgufReason::kBadAlignment,
     "second"},
    {"offset_one_past", [](Bytes& f) { set(f, after(f, "second") + 16, 64, 8); }, GgufReason::kOutsideFile,
     "second"},
    {"offset_huge", [](Bytes& f) { set(f, after(f, "second") + 16, ~uint64_t{31}, 8); },
     GgufReason::kOutsideFile, "second"},
    {"same_tensor_twice",
     [](Bytes& f) {
         GgufWriter writer;
         writer.add_tensor("one", GgufType::kI8, {1}, {1});
         writer.add_tensor("one", GgufType::kI8, {1}, {1});
         f = writer.finish();
     },
     GgufReason::kDuplicate, "one"},
};

class RefusedGguf : public testing::TestWithParam<SpoiledFile> {};

TEST_P(RefusedGguf, NamesFieldAndReason) {
    Bytes file = small_file();
    GetParam().spoil(file);
    const auto parsed = GgufFile::parse(file);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(to_string(parsed.error()), to_string(GgufError{GetParam().reason, GetParam().field}));
}

INSTANTIATE_TEST_SUITE_P(Gguf, RefusedGguf, testing::ValuesIn(kSpoiledFiles),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(Gguf, EveryPrefixIsRefused) {
    const Bytes file = small_file();
    // The last tensor's padding may be missing; everything before it may not.
    for (size_t size = 0; size + 30 < file.size(); ++size) {
        const Bytes prefix{file.begin(), file.begin() + long(size)};
        ASSERT_FALSE(GgufFile::parse(prefix)) << size;
    }
    EXPECT_TRUE(GgufFile::parse(ByteView{file}.first(file.size() - 30)));
}

TEST(Gguf, FlippedBytesNeverLeaveTheFile) {
    const Bytes good = small_file();
    for (size_t at = 0; at < good.size(); ++at) {
        for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
            Bytes file = good;
            file[at] ^= mask;
            const auto parsed = GgufFile::parse(file);
            if (!parsed) {
                EXPECT_FALSE(parsed.error().field.empty());
                continue;
            }
            for (const GgufTensor& tensor : parsed->tensors()) {
                EXPECT_GE(tensor.data.data(), file.data());
                EXPECT_LE(tensor.data.data() + tensor.data.size(), file.data() + file.size());
            }
        }
    }
}

TEST(Gguf, ReadsWhatTheWriterWrote) {
    const Bytes file = small_file();
    const auto parsed = GgufFile::parse(file);
    ASSERT_TRUE(parsed) << to_string(parsed.error());
    EXPECT_EQ(*parsed->text_at("general.architecture"), "llama");
    EXPECT_EQ(*parsed->number_at("big", uint64_t{1} << 40), uint64_t{1} << 40);
    EXPECT_EQ(**parsed->texts_at("words"), (std::vector<std::string_view>{"a", "", "ccc"}));
    EXPECT_EQ(**parsed->numbers_at("kinds"), (std::vector<uint64_t>{1, uint64_t(-3)}));
    EXPECT_EQ(*parsed->float_bits_at("epsilon"), 0x3727c5acu);
    const GgufTensor* first = parsed->find_tensor("first");
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->cols(), 3u);
    EXPECT_EQ(first->rows(), 2u);
    EXPECT_EQ(Bytes(first->data.begin(), first->data.end()), (Bytes{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(parsed->find_tensor("second")->data.size(), 34u);
    EXPECT_EQ(parsed->find_tensor("third"), nullptr);
    EXPECT_EQ(small_file(), file);
}

TEST(Gguf, LookUpsNameFieldAndReason) {
    const Bytes file = small_file();
    const auto parsed = GgufFile::parse(file);
    ASSERT_TRUE(parsed);
    const auto reason = [](const auto& result) { return to_string(result.error()); };
    EXPECT_EQ(reason(parsed->number_at("none", 9)), "none: missing");
    EXPECT_EQ(reason(parsed->number_at("words", 9)), "words: wrong type");
    EXPECT_EQ(reason(parsed->number_at("epsilon", 9)), "epsilon: wrong type");
    EXPECT_EQ(reason(parsed->number_at("big", (uint64_t{1} << 40) - 1)), "big: bad value");
    EXPECT_EQ(reason(parsed->number_at("minus", ~uint64_t{0})), "minus: bad value");
    EXPECT_EQ(reason(parsed->text_at("big")), "big: wrong type");
    EXPECT_EQ(reason(parsed->texts_at("kinds")), "kinds: wrong type");
    EXPECT_EQ(reason(parsed->numbers_at("words")), "words: wrong type");
    EXPECT_EQ(reason(parsed->float_bits_at("big")), "big: wrong type");
}

}  // namespace
}  // namespace daidd::inference
