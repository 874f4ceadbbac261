#pragma once

#include <optional>
#include <string>

#include "import/llama.h"
#include "tools/sampler.h"

namespace daidd::tools {

/// Every command prints its result and returns nothing, or the sentence to fail with.
using Outcome = std::optional<std::string>;

struct ConvertArguments {
    std::string source, target;
    import::Precision precision = import::Precision::kFast;
    unsigned threads = 2;
};
Outcome convert(const ConvertArguments& arguments);

struct InspectArguments {
    std::string model;
    uint32_t unit_tokens = 1024;
    bool json = false;
};
Outcome inspect(const InspectArguments& arguments);

struct RunArguments {
    std::string model, prompt, backend;
    uint32_t max_tokens = 128;
    SamplerArguments sampler;
    std::optional<uint32_t> logprobs;  ///< how many of the likeliest tokens are listed
    unsigned threads = 1;
    bool raw = false;  ///< the prompt as it is, without the chat template
    bool json = false;
};
Outcome run(const RunArguments& arguments);

struct EvalArguments {
    std::string model, text, backend;
    std::string logits;  ///< file to write them to; empty: they are not kept
    uint32_t window = 512;
    uint32_t windows_max = 0;  ///< 0: all
    unsigned threads = 1;
    bool choices = false;  ///< the text is multiple-choice questions, one a line
    bool json = false;
};
Outcome eval(const EvalArguments& arguments);

struct EmbedArguments {
    std::string model, backend;
    std::optional<std::string> text;
    std::string file;         ///< in the place of `text`: a file or a folder of texts
    bool paragraphs = false;  ///< the file's texts end at empty lines, not at every line
    unsigned threads = 1;
    bool json = false;
};
/// A line of numbers for each text.
Outcome embed(const EmbedArguments& arguments);

struct IndexArguments {
    std::string model, backend;
    std::string source;  ///< a file or a folder of texts
    std::string target;
    bool paragraphs = false;
    unsigned threads = 1;
    bool json = false;
};
/// A text's id is its number among the texts of the source, from 1.
Outcome index(const IndexArguments& arguments);

struct SearchArguments {
    std::string model, index, text, backend;
    std::string source;  ///< what was indexed: the hits' texts are shown, once their hashes are the index's
    bool paragraphs = false;
    std::string check;  ///< a file with a result of this search, which is run again
    uint32_t count = 10;
    unsigned threads = 1;
    bool json = false;
};
Outcome search(const SearchArguments& arguments);

struct TokenizeArguments {
    std::string model, text;
    bool chat = false;    ///< as a user's message in the chat template
    bool whole = false;   ///< with the tokens that begin and close a text
    bool lines = false;   ///< each line apart
    bool null = false;    ///< the same, and a zero byte ends a line
    bool decode = false;  ///< what the tokens stand for in place of their ids
};
Outcome tokenize(const TokenizeArguments& arguments);

struct BenchArguments {
    std::string model, backend;
    std::string device;  ///< "opencl:0": that instead of a backend of the processor
    unsigned threads = 1;
    uint32_t prompt_tokens = 128;
    uint32_t decode_tokens = 64;
    bool speed_only = false;
    uint32_t batch = 1;  ///< answers at once, 1 … kBenchBatchMax
    bool json = false;
};
inline constexpr uint32_t kBenchBatchMax = 256;
Outcome bench(const BenchArguments& arguments);
/// The same text on `device`, and whether its logits are this processor's.
Outcome bench_device(const BenchArguments& arguments);

struct DevicesArguments {
    bool json = false;
};
/// Every accelerator and what its self-test says.
Outcome devices(const DevicesArguments& arguments);

struct ChainSpecArguments {
    std::string model, name = "private";
    uint32_t unit_tokens = 64;
};
Outcome chain_spec(const ChainSpecArguments& arguments);

}  // namespace daidd::tools
