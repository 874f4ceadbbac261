#include "tools/sampler.h"

#include <algorithm>
#include <charconv>

#include "schema/json_schema.h"
#include "util/mapped_file.h"

namespace daidd::tools {
namespace {

using namespace inference;

/// "0.7" as 2^32 ÷ (0.7 · 2^16); nothing if it is no number from 1/256 to 256, or 0.
std::optional<uint32_t> inverse_temperature_of(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (value == 0) return 0;
    if (!(value >= 1.0 / 256 && value <= 256)) return std::nullopt;
    return uint32_t(65'536 / value);
}

Hash256 seed_of(uint64_t seed) {
    Hash256 hash{};
    for (size_t i = 0; i < 8; ++i) hash[i] = uint8_t(seed >> (8 * i));
    return hash;
}

/// Reads one parameter, or keeps what is wrong with the first that cannot be read.
class Reader {
public:
    int32_t read(const char* flag, const std::string& text, int32_t low, int32_t high, const char* range) {
        const auto value = parse_fixed16(text);
        if (value && *value >= low && *value <= high) return *value;
        if (!error_) error_ = std::string{flag} + ": must be from " + range;
        return low;
    }
    const std::optional<std::string>& error() const { return error_; }

private:
    std::optional<std::string> error_;
};

/// "1234:-5.5".
std::optional<LogitBias> parse_bias(std::string_view text, uint32_t vocabulary) {
    const size_t colon = std::min(text.find(':'), text.size());
    LogitBias bias;
    const auto [end, error] = std::from_chars(text.data(), text.data() + colon, bias.token);
    if (error != std::errc{} || end != text.data() + colon || colon == text.size()) return std::nullopt;
    const auto value = parse_fixed16(text.substr(colon + 1));
    if (!value || *value < -kLogitBiasMax || *value > kLogitBiasMax) return std::nullopt;
    bias.bias = *value;
    return bias.token < vocabulary ? std::optional{bias} : std::nullopt;
}

}  // namespace

Result<SamplerOptions, std::string> make_sampler_options(const SamplerArguments& arguments,
                                                         uint32_t vocabulary) {
    constexpr int32_t kOne = 1 << 16;
    const auto inverse_temperature = inverse_temperature_of(arguments.temperature);
    if (!inverse_temperature) return Fail{std::string{"temperature: must be 0, or from 0.00390625 to 256"}};
    Reader reader;
    SamplerOptions options;
    options.sampling.inverse_temperature = *inverse_temperature;
    options.sampling.seed = seed_of(arguments.seed);
    options.sampling.min_p_gap =
        min_p_gap_of(uint32_t(reader.read("min-p", arguments.min_p, 0, kOne, "0 to 1")));
    options.top_p = uint32_t(reader.read("top-p", arguments.top_p, 0, kOne, "0 to 1"));
    options.top_k = arguments.top_k;
    options.repeat_last = arguments.repeat_last;
    options.repeat_penalty =
        uint32_t(reader.read("repeat-penalty", arguments.repeat_penalty, int32_t{kRepeatPenaltyMin},
                             int32_t{kRepeatPenaltyMax}, "0.0625 to 16"));
    options.presence_penalty =
        reader.read("presence-penalty", arguments.presence_penalty, -kPenaltyMax, kPenaltyMax, "-2 to 2");
    options.frequency_penalty =
        reader.read("frequency-penalty", arguments.frequency_penalty, -kPenaltyMax, kPenaltyMax, "-2 to 2");
    if (reader.error()) return Fail{*reader.error()};
    for (const auto& text : arguments.logit_bias) {
        const auto bias = parse_bias(text, vocabulary);
        if (!bias) return Fail{"logit-bias: must be TOKEN:BIAS, from -100 to 100: " + text};
        options.biases.push_back(*bias);
    }
    std::ranges::sort(options.biases, {}, &LogitBias::token);
    // What is left is a token named twice, or too many.
    if (const auto error = check_sampler(options, vocabulary))
        return Fail{std::string{to_string(*error)} + ": too many, or a token named twice"};
    return options;
}

Result<std::optional<Grammar>, std::string> load_grammar(const SamplerArguments& arguments) {
    const bool is_schema = !arguments.json_schema.empty();
    if (is_schema && !arguments.grammar.empty()) return Fail{std::string{"grammar: not with json-schema"}};
    if (!is_schema && arguments.grammar.empty()) return std::optional<Grammar>{};
    const auto file = map_file(is_schema ? arguments.json_schema : arguments.grammar);
    if (!file) return Fail{file.error()};
    const std::string_view text{reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size()};
    if (is_schema) {
        auto grammar = schema::make_grammar(text);
        if (!grammar) return Fail{"json-schema: " + grammar.error().text()};
        return std::optional{*std::move(grammar)};
    }
    auto grammar = Grammar::parse(text);
    if (!grammar) return Fail{"grammar: " + grammar.error().text()};
    return std::optional{*std::move(grammar)};
}

}  // namespace daidd::tools
