#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rpc/amount.h"
#include "rpc/error.h"
#include "rpc/json.h"
#include "util/bytes.h"

namespace daidd::rpc {

struct Context;

/// What an argument may be. Anything else is answered -3 before the handler runs.
enum class ArgType {
    kString,
    kHash,    ///< 64 hex digits, shown as Bitcoin shows ids: last byte first
    kId,      ///< 64 hex digits of a job or receipt: first byte first
    kNumber,  ///< an integer
    kBool,
    kVerbosity,  ///< an integer, or a bool for 0 and 1
    kAmount,     ///< number or string of DAI, at most eight decimals
    kFeeRate,    ///< the same, kept as text: sat/vB
    kObject,
    kArray,
    kTextOrArray,  ///< dai-cli sends text
    kAny,
};

struct Arg {
    std::string_view names;  ///< "verbosity|verbose": the first is shown, all are accepted
    ArgType type = ArgType::kAny;
    bool required = false;
    std::string_view help;
};

/// The arguments of one request, by position. A kind's getter may be called for an argument of that type
/// only.
class Call {
public:
    Call(const struct Method& method, std::unique_ptr<Json> positional, std::string wallet_path);
    ~Call();

    bool has(size_t index) const;  ///< given and not null
    const Json& any(size_t index) const;
    const std::string& string(size_t index) const;
    std::string string_or(size_t index, std::string_view otherwise) const;
    int64_t integer(size_t index) const;
    int64_t integer_or(size_t index, int64_t otherwise) const;
    bool boolean_or(size_t index, bool otherwise) const;
    int verbosity_or(size_t index, int otherwise) const;
    consensus::Amount amount(size_t index) const;
    Hash256 hash(size_t index) const;
    Hash256 id(size_t index) const;

    /// The NAME of /wallet/NAME, or nothing.
    std::optional<std::string> wallet() const;
    const Method& method() const { return *method_; }

private:
    const Method* method_;
    std::unique_ptr<Json> args_;
    std::string wallet_path_;
};

using Handler = Json (*)(Context& context, const Call& call);

/// A row of the table: all that is known about a method.
struct Method {
    std::string_view category;
    std::string_view name;
    std::span<const Arg> args;
    Handler handler;
    std::string_view help;
};

/// All methods, by category and name.
std::span<const Method* const> methods();
const Method* find_method(std::string_view name);
/// Why a method of Bitcoin Core's or of ours that is not in the table is missing; nothing for unknown names.
std::optional<std::string_view> why_missing(std::string_view name);

/// Checks and maps `params` (array, object or null) to the method's arguments. Throws Error: -1 with the help
/// for a wrong count, -3 for a wrong type, -8 for an unknown or doubled name.
Call make_call(const Method& method, const Json& params, std::string wallet_path);

/// "getblock "blockhash" ( verbosity )".
std::string usage_of(const Method& method);
std::string help_of(const Method& method);

// Values inside objects and arrays, with Core's errors.

/// -3 "Invalid amount" / "Amount out of range".
consensus::Amount amount_of(const Json& value);
/// -8 unless 64 hex digits; `name` is shown.
Hash256 hash_of(const Json& value, std::string_view name);
/// -3 unless it is of that type ("string", "number", …).
void require_type(const Json& value, std::string_view type);
int64_t integer_of(const Json& value);

}  // namespace daidd::rpc
