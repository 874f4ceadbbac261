#include "rpc/amount.h"

#include <nlohmann/json.hpp>

namespace daidd::rpc {

using consensus::Amount;

namespace {

constexpr int kDecimals = 8;
/// 10¹⁰ DAI in units: far above all money, far below what Amount holds.
constexpr Amount kParsedMax = 1'000'000'000'000'000'000;
/// No exponent needs more digits: beyond it the number is zero or too large.
constexpr int kExponentMax = 100'000;

/// Reads digits, `scale` counting those after the point.
struct Digits {
    Amount mantissa = 0;
    int exponent = 0;  ///< of ten, for the mantissa
    int zeros = 0;     ///< trailing ones, not yet in the mantissa
    bool overflow = false;

    void add(char digit) {
        if (digit == '0') {
            ++zeros;
            return;
        }
        for (; zeros > 0; --zeros) push(0);
        push(digit - '0');
    }
    void push(int digit) {
        if (mantissa > kParsedMax / 10) overflow = true;
        if (!overflow) mantissa = mantissa * 10 + digit;
    }
};

bool is_digit(std::string_view text) { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }

}  // namespace

std::optional<Amount> parse_amount(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);

    Digits digits;
    if (!is_digit(text)) return std::nullopt;
    const bool leading_zero = text[0] == '0';
    for (; is_digit(text); text.remove_prefix(1)) {
        if (leading_zero && digits.zeros > 0) return std::nullopt;
        digits.add(text[0]);
    }
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (!is_digit(text)) return std::nullopt;
        for (; is_digit(text); text.remove_prefix(1)) {
            digits.add(text[0]);
            --digits.exponent;
        }
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        const bool down = text.starts_with('-');
        if (down || text.starts_with('+')) text.remove_prefix(1);
        if (!is_digit(text)) return std::nullopt;
        int exponent = 0;
        for (; is_digit(text); text.remove_prefix(1)) {
            if (exponent < kExponentMax) exponent = exponent * 10 + (text[0] - '0');
        }
        digits.exponent += down ? -exponent : exponent;
    }
    if (!text.empty() || digits.overflow) return std::nullopt;
    if (digits.mantissa == 0) return 0;

    int shift = digits.exponent + digits.zeros + kDecimals;
    if (shift < 0) return std::nullopt;
    Amount amount = digits.mantissa;
    for (; shift > 0; --shift) {
        if (amount > kParsedMax / 10) return std::nullopt;
        amount *= 10;
    }
    if (amount > kParsedMax) return std::nullopt;
    return negative ? -amount : amount;
}

std::string format_amount(Amount amount) {
    const uint64_t units = amount < 0 ? uint64_t(0) - uint64_t(amount) : uint64_t(amount);
    std::string fraction = std::to_string(units % uint64_t(consensus::kCoin));
    fraction.insert(0, size_t(kDecimals) - fraction.size(), '0');
    return (amount < 0 ? "-" : "") + std::to_string(units / uint64_t(consensus::kCoin)) + "." + fraction;
}

Json amount_json(Amount amount) { return decimal(format_amount(amount)); }

}  // namespace daidd::rpc
