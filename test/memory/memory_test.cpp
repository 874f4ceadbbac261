#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "import/hugging_face.h"
#include "import/safetensors.h"
#include "inference/gguf_writer.h"
#include "inference/model_file.h"
#include "inference/toy.h"

// What a file can make its reader take: at most a multiple of its own size, whatever it claims. This program
// counts every allocation, so it is one of its own.

namespace {

std::atomic<size_t> live{0}, peak{0};

/// The size is kept before the memory, in a place as large as any type's alignment.
constexpr size_t kHead = alignof(std::max_align_t);

}  // namespace

// Not inlined: GCC would take the malloc and free of one for the new and delete of the other.
[[gnu::noinline]] void* operator new(size_t size) {
    auto* memory = static_cast<unsigned char*>(std::malloc(size + kHead));
    if (memory == nullptr) throw std::bad_alloc{};
    *reinterpret_cast<size_t*>(memory) = size;
    const size_t now = live += size;
    if (now > peak) peak = now;
    return memory + kHead;
}
[[gnu::noinline]] void operator delete(void* pointer) noexcept {
    if (pointer == nullptr) return;
    auto* memory = static_cast<unsigned char*>(pointer) - kHead;
    live -= *reinterpret_cast<size_t*>(memory);
    std::free(memory);
}
void operator delete(void* pointer, size_t) noexcept { operator delete(pointer); }

namespace daidd {
namespace {

using inference::GgufFile;
using inference::GgufType;
using inference::GgufValue;
using inference::GgufValueType;
using inference::GgufWriter;

// Bytes taken at once for each byte of a file, and for what does not depend on it. GGUF: a byte of an array
// is a u64, a field of 14 bytes a structure of 72 in a growing list. Safetensors: an entry takes 50 bytes of
// text. JSON trees: an opening bracket is an object of 16 bytes and a list of its own.
constexpr size_t kGgufFactor = 24, kSafetensorsFactor = 24, kJsonFactor = 80, kFixed = 16'384;

/// The most that was taken beyond what was there before.
template <class Work>
size_t peak_of(const Work& work) {
    const size_t before = live;
    peak = before;
    work();
    return peak - before;
}

void put(Bytes& out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out.push_back(uint8_t(value >> (8 * i)));
}
void put_text(Bytes& out, std::string_view text) {
    put(out, text.size(), 8);
    out.insert(out.end(), text.begin(), text.end());
}
Bytes gguf_header(uint64_t tensors, uint64_t fields) {
    Bytes out{'G', 'G', 'U', 'F'};
    put(out, 3, 4);
    put(out, tensors, 8);
    put(out, fields, 8);
    return out;
}

struct HostileFile {
    const char* name;
    Bytes (*make)();
};
void PrintTo(const HostileFile& file, std::ostream* out) { *out << file.name; }

const HostileFile kGgufFiles[] = {
    {"counts_at_their_limits",
     [] { return gguf_header(inference::kGgufTensorsMax, inference::kGgufFieldsMax); }},
    {"fields_of_one_byte",
     [] {
         Bytes out = gguf_header(0, inference::kGgufFieldsMax);
         for (uint32_t i = 0; i < inference::kGgufFieldsMax; ++i) {
             put_text(out, std::string{char(1 + i % 255), char(1 + i / 255)});
             put(out, uint64_t(GgufValueType::kU8), 4);
             out.push_back(1);
         }
         return out;
     }},
    {"array_of_bytes",
     [] {
         Bytes out = gguf_header(0, 1);
         put_text(out, "a");
         put(out, uint64_t(GgufValueType::kArray), 4);
         put(out, uint64_t(GgufValueType::kU8), 4);
         put(out, 1'000'000, 8);
         out.resize(out.size() + 1'000'000);
         return out;
     }},
    {"array_of_empty_texts",
     [] {
         Bytes out = gguf_header(0, 1);
         put_text(out, "a");
         put(out, uint64_t(GgufValueType::kArray), 4);
         put(out, uint64_t(GgufValueType::kText), 4);
         put(out, 100'000, 8);
         out.resize(out.size() + 800'000);
         return out;
     }},
    {"array_longer_than_the_file",
     [] {
         Bytes out = gguf_header(0, 1);
         put_text(out, "a");
         put(out, uint64_t(GgufValueType::kArray), 4);
         put(out, uint64_t(GgufValueType::kU8), 4);
         put(out, inference::kGgufArrayMax, 8);
         return out;
     }},
    {"text_longer_than_the_file",
     [] {
         Bytes out = gguf_header(0, 1);
         put_text(out, "a");
         put(out, uint64_t(GgufValueType::kText), 4);
         put(out, ~uint64_t{0} >> 1, 8);
         return out;
     }},
    {"tensors_of_one_byte",
     [] {
         constexpr uint32_t kCount = 10'000;
         Bytes out = gguf_header(kCount, 0);
         for (uint32_t i = 0; i < kCount; ++i) {
             put_text(out, std::to_string(i));
             put(out, 1, 4);
             put(out, 1, 8);
             put(out, uint64_t(GgufType::kI8), 4);
             put(out, 0, 8);
         }
         return out;
     }},
    {"a_model_of_claims",
     [] {
         GgufWriter writer;
         writer.add_text("general.architecture", inference::kModelArchitecture);
         writer.add_number("dai.version", inference::kModelVersion);
         writer.add_text("dai.family", "");
         for (const char* name : {"vocabulary", "layers", "dim", "ffn", "heads", "kv_heads", "head_dim",
                                  "context", "fx", "linears", "norms"}) {
             writer.add_number("dai." + std::string{name}, inference::kOpsMax);
         }
         writer.add_number64("dai.epsilon", 1);
         Bytes graph;
         put(graph, 0xfe, 1);
         put(graph, inference::kOpsMax, 4);
         writer.add_tensor("graph", GgufType::kI8, {graph.size()}, graph);
         return writer.finish();
     }},
};

class GgufMemory : public testing::TestWithParam<HostileFile> {};

TEST_P(GgufMemory, IsBoundedByTheFile) {
    const Bytes file = GetParam().make();
    const size_t most = kGgufFactor * file.size() + kFixed;
    EXPECT_LE(peak_of([&] { (void)GgufFile::parse(file); }), most);
    EXPECT_LE(peak_of([&] { (void)inference::Model::load(file, inference::Backend::kScalar); }), most);
}

INSTANTIATE_TEST_SUITE_P(Files, GgufMemory, testing::ValuesIn(kGgufFiles),
                         [](const auto& file) { return std::string{file.param.name}; });

TEST(ModelMemory, IsALittleBesideTheFile) {
    GgufWriter writer;
    write_model(inference::make_toy(inference::regtest_toy()), writer);
    const Bytes file = writer.finish();
    // Weights stay where they lie: what is taken are lists of names and places.
    EXPECT_LE(peak_of([&] {
                  const auto model = inference::Model::load(file, inference::Backend::kScalar);
                  EXPECT_TRUE(model);
              }),
              file.size() / 2 + kFixed);
}

TEST(MemoryCount, SeesWhatIsTaken) {
    EXPECT_GE(peak_of([] { std::vector<uint8_t>(1'000'000).at(5) = 1; }), 1'000'000u);
    EXPECT_LT(peak_of([] {}), 100u);
}

Bytes safetensors(const std::string& header, uint64_t length) {
    Bytes out;
    put(out, length, 8);
    out.insert(out.end(), header.begin(), header.end());
    return out;
}

TEST(SafetensorsMemory, IsBoundedByTheFile) {
    std::string entries = "{", dims = "{\"a\":{\"shape\":[";
    for (int i = 0; i < 10'000; ++i) {
        entries += "\"" + std::to_string(i) + "\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]},";
        dims += "0,";
    }
    entries.back() = '}';
    const std::string name(1'000'000, 'n'), nested(1'000'000, '[');
    const Bytes files[] = {safetensors("{}", import::kSafetensorsHeaderMax),
                           safetensors(entries, entries.size()), safetensors(dims, dims.size()),
                           safetensors("{\"" + name + "\":", name.size() + 4),
                           safetensors("{\"a\":" + nested, nested.size() + 5)};
    for (const Bytes& file : files) {
        EXPECT_LE(peak_of([&] { (void)import::SafetensorsFile::parse(file); }),
                  kSafetensorsFactor * file.size() + kFixed);
    }
}

TEST(DirectoryMemory, IsBoundedByTheFiles) {
    const std::string nested(1'000'000, '[');
    std::string empty = "[";
    for (int i = 0; i < 300'000; ++i) empty += "[],";
    for (const std::string& text :
         {nested, "{\"a\":" + nested, empty + "1]", "{\"weight_map\":" + empty + "1]}"}) {
        EXPECT_LE(peak_of([&] { (void)import::read_shard_names(as_bytes(text)); }),
                  kJsonFactor * text.size() + kFixed);
    }
}

}  // namespace
}  // namespace daidd
