#include "import/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "import/safetensors_writer.h"

namespace daidd::import {
namespace {

std::string error_of(const Bytes& file) {
    const auto parsed = SafetensorsFile::parse(file);
    return parsed ? "none" : to_string(parsed.error());
}

TEST(Safetensors, ReadsWhatAFileHolds) {
    const Bytes file = write_safetensors({{"b", {"F32", {1, 2}, {1, 2, 3, 4, 5, 6, 7, 8}}},
                                          {"a", {"BF16", {3}, {9, 10, 11, 12, 13, 14}}},
                                          {"scalar", {"I8", {}, {15}}},
                                          {"empty", {"F64", {0, 7}, {}}}});
    const auto parsed = SafetensorsFile::parse(file);
    ASSERT_TRUE(parsed) << to_string(parsed.error());
    const auto& tensors = parsed->tensors();
    ASSERT_EQ(tensors.size(), 4u);
    EXPECT_EQ(tensors[0].name, "a");
    EXPECT_EQ(tensors[0].dtype, "BF16");
    EXPECT_EQ(Bytes(tensors[0].data.begin(), tensors[0].data.end()), (Bytes{9, 10, 11, 12, 13, 14}));
    EXPECT_EQ(tensors[1].shape, (std::vector<uint64_t>{1, 2}));
    EXPECT_EQ(tensors[1].data[7], 8);
    EXPECT_EQ(tensors[2].name, "empty");
    EXPECT_TRUE(tensors[2].data.empty());
    EXPECT_TRUE(tensors[3].shape.empty());
    EXPECT_EQ(tensors[3].data[0], 15);
}

struct HeaderCase {
    const char* name;
    std::string header;
    std::string error;
};
void PrintTo(const HeaderCase& c, std::ostream* out) { *out << c.name; }

/// One tensor's entry; eight bytes of data follow the header. Quotes are single, as in all headers here.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
    return "'" + name + "':{'dtype':'" + dtype + "','shape':[" + shape + "],'data_offsets':[" + offsets +
           "]}";
}
Bytes file_of(std::string header, size_t data) {
    std::ranges::replace(header, '\'', '"');
    return safetensors_bytes(header, Bytes(data));
}
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{" + entry("a", dtype, shape, offsets) + "}";
}
std::string two(const std::string& first, const std::string& second) {
    return "{" + entry("a", "U8", "4", first) + "," + entry("b", "U8", "4", second) + "}";
}

const std::string kDims8 = "1,1,1,1,1,1,1,8";

const HeaderCase kHeaderCases[] = {
    {"good", one("F32", "2", "0,8"), "none"},
    {"spaces_behind", one("F32", "2", "0,8") + "    ", "none"},
    {"members_in_any_order", "{'a':{'data_offsets':[0,8],'shape':[8],'dtype':'I8'}}", "none"},
    {"metadata", "{'__metadata__':{'x':'y'}," + one("I8", "8", "0,8").substr(1), "none"},
    {"dimensions_at_limit", one("I8", kDims8, "0,8"), "none"},
    {"two", two("0,4", "4,8"), "none"},
    {"two_in_the_other_order", two("4,8", "0,4"), "none"},
    {"nothing_at_all", "", "header: bad value"},
    {"space_before", " " + one("F32", "2", "0,8"), "header: bad value"},
    {"array", "[]", "header: bad value"},
    {"no_end", "{'a':{'dtype':'F32'", "header: bad value"},
    {"text_behind", one("F32", "2", "0,8") + "x", "header: bad value"},
    {"not_utf8", "{\"\xff\":1}", "header: bad value"},
    {"name_empty", "{" + entry("", "I8", "8", "0,8") + "}", "tensor name 0: bad value"},
    {"name_at_limit", "{" + entry(std::string(kSafetensorsNameMax, 'n'), "I8", "8", "0,8") + "}", "none"},
    {"name_one_past", "{" + entry(std::string(kSafetensorsNameMax + 1, 'n'), "I8", "8", "0,8") + "}",
     "tensor name 0: over limit"},
    {"dimensions_one_past", one("I8", "1," + kDims8, "0,8"), "a.shape: over limit"},
    {"dtype_unknown", one("F31", "2", "0,8"), "a.dtype: unknown type"},
    {"dtype_is_no_text", "{'a':{'dtype':1}}", "a.dtype: wrong type"},
    {"dtype_missing", "{'a':{'shape':[8],'data_offsets':[0,8]}}", "a.dtype: missing"},
    {"dtype_twice", "{'a':{'dtype':'I8','dtype':'I8'}}", "a.dtype: bad value"},
    {"shape_missing", "{'a':{'dtype':'I8','data_offsets':[0,8]}}", "a.shape: missing"},
    {"shape_is_a_number", "{'a':{'shape':8}}", "a.shape: wrong type"},
    {"shape_in_shape", "{'a':{'shape':[[8]]}}", "a.shape: wrong type"},
    {"shape_negative", one("I8", "-8", "0,8"), "a.shape: wrong type"},
    {"shape_real", one("I8", "8.0", "0,8"), "a.shape: wrong type"},
    {"shape_null", "{'a':{'shape':null}}", "a.shape: wrong type"},
    {"shape_object", "{'a':{'shape':{}}}", "a.shape: wrong type"},
    {"offsets_missing", "{'a':{'dtype':'I8','shape':[8]}}", "a.data_offsets: missing"},
    {"offsets_one", one("I8", "8", "0"), "a.data_offsets: missing"},
    {"offsets_three", one("I8", "8", "0,8,8"), "a.data_offsets: wrong type"},
    {"unknown_member", "{'a':{'offset':0}}", "a.offset: bad value"},
    {"tensor_is_a_number", "{'a':8}", "a: wrong type"},
    {"metadata_is_a_number", "{'__metadata__':{'x':1}}", "__metadata__: wrong type"},
    {"metadata_twice", "{'__metadata__':{},'__metadata__':{}}", "__metadata__: duplicate"},
    {"elements_at_limit", one("I8", "281474976710656", "0,8"), "a: outside the file"},
    {"elements_one_past", one("I8", "281474976710657", "0,8"), "a.shape: over limit"},
    {"elements_overflow", one("I8", "4294967296,4294967296,16", "0,8"), "a.shape: over limit"},
    {"larger_than_offsets", one("F32", "2", "0,4"), "a: bad shape"},
    {"smaller_than_offsets", one("F32", "1", "0,8"), "a: bad shape"},
    {"outside", one("F32", "3", "0,12"), "a: outside the file"},
    {"offset_huge", one("F32", "2", "18446744073709551608,0"), "a.data_offsets: bad value"},
    {"hole_before", one("I8", "4", "4,8"), "a.data_offsets: bad value"},
    {"hole_between", "{" + entry("a", "I8", "2", "0,2") + "," + entry("b", "I8", "4", "4,8") + "}",
     "b.data_offsets: bad value"},
    {"hole_behind", one("I8", "7", "0,7"), "bytes behind the last tensor: bad value"},
    {"no_tensor", "{}", "bytes behind the last tensor: bad value"},
    {"overlap", "{" + entry("a", "I8", "5", "0,5") + "," + entry("b", "I8", "4", "4,8") + "}",
     "b.data_offsets: bad value"},
    {"same_bytes", "{" + entry("a", "I8", "8", "0,8") + "," + entry("b", "I8", "8", "0,8") + "}",
     "b.data_offsets: bad value"},
    {"same_name", "{" + entry("a", "I8", "4", "0,4") + "," + entry("a", "I8", "4", "4,8") + "}",
     "a: duplicate"},
};

class SafetensorsHeader : public testing::TestWithParam<HeaderCase> {};

TEST_P(SafetensorsHeader, IsReadOrNamesItsField) {
    EXPECT_EQ(error_of(file_of(GetParam().header, 8)), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Cases, SafetensorsHeader, testing::ValuesIn(kHeaderCases),
                         [](const auto& c) { return std::string{c.param.name}; });

TEST(Safetensors, LengthOfTheHeaderIsBounded) {
    Bytes file = file_of(one("F32", "2", "0,8"), 8);
    const auto set_length = [&file](uint64_t length) {
        for (size_t i = 0; i < 8; ++i) file[i] = uint8_t(length >> (8 * i));
        return error_of(file);
    };
    EXPECT_EQ(set_length(file.size() - 7), "header: truncated");
    EXPECT_EQ(set_length(kSafetensorsHeaderMax), "header: truncated");
    EXPECT_EQ(set_length(kSafetensorsHeaderMax + 1), "header length: over limit");
    EXPECT_EQ(set_length(~uint64_t{0}), "header length: over limit");
    EXPECT_EQ(set_length(0), "header: bad value");
}

TEST(Safetensors, NumberOfTensorsIsBounded) {
    const auto file_with = [](uint64_t count) {
        std::string header = "{";
        for (uint64_t i = 0; i < count; ++i) header += entry(std::to_string(i), "I8", "0", "0,0") + ",";
        header.back() = '}';
        return file_of(header, 0);
    };
    EXPECT_EQ(error_of(file_with(kSafetensorsTensorsMax)), "none");
    EXPECT_EQ(error_of(file_with(kSafetensorsTensorsMax + 1)), "header: over limit");
}

TEST(Safetensors, EveryPrefixIsRefused) {
    const Bytes file =
        write_safetensors({{"a", {"F32", {2}, Bytes(8, 1)}}, {"b", {"F16", {1, 2}, Bytes(4, 2)}}});
    EXPECT_EQ(error_of(file), "none");
    for (size_t size = 0; size < file.size(); ++size) {
        ASSERT_NE(error_of({file.begin(), file.begin() + ptrdiff_t(size)}), "none") << size;
    }
}

TEST(Safetensors, FlippedBytesNeverLeaveTheFile) {
    const Bytes good =
        write_safetensors({{"a", {"F32", {2}, Bytes(8, 1)}}, {"b", {"F16", {1, 2}, Bytes(4, 2)}}});
    size_t refused = 0;
    for (size_t at = 0; at < good.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            Bytes file = good;
            file[at] ^= uint8_t(1 << bit);
            const auto parsed = SafetensorsFile::parse(file);
            if (!parsed) {
                EXPECT_FALSE(parsed.error().field.empty());
                ++refused;
                continue;
            }
            for (const SafeTensor& tensor : parsed->tensors()) {
                EXPECT_GE(tensor.data.data(), file.data());
                EXPECT_LE(tensor.data.data() + tensor.data.size(), file.data() + file.size());
            }
        }
    }
    EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace daidd::import
