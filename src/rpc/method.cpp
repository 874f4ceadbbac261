#include "rpc/method.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace daidd::rpc {

using consensus::Amount;

namespace {

std::string_view json_type_of(ArgType type) {
    switch (type) {
    case ArgType::kString:
    case ArgType::kHash:
    case ArgType::kId: return "string";
    case ArgType::kNumber: return "number";
    case ArgType::kBool: return "bool";
    case ArgType::kObject: return "object";
    case ArgType::kArray: return "array";
    case ArgType::kVerbosity:
    case ArgType::kAmount:
    case ArgType::kFeeRate:
    case ArgType::kTextOrArray:
    case ArgType::kAny: return "any";
    }
    return "any";
}

std::string_view shown_name(const Arg& arg) { return arg.names.substr(0, arg.names.find('|')); }

bool is_named(const Arg& arg, std::string_view name) {
    std::string_view names = arg.names;
    for (;;) {
        const size_t bar = names.find('|');
        if (names.substr(0, bar) == name) return true;
        if (bar == std::string_view::npos) return false;
        names.remove_prefix(bar + 1);
    }
}

std::string mismatch(const Json& value, std::string_view expected) {
    return "JSON value of type " + std::string{type_name(value)} + " is not of expected type " +
           std::string{expected};
}

/// Core collects all mismatches in one message.
void check_types(const Method& method, const Json& args) {
    std::string wrong;
    for (size_t i = 0; i < args.size(); ++i) {
        const Arg& arg = method.args[i];
        const std::string_view expected = json_type_of(arg.type);
        if (expected == "any" || type_name(args[i]) == expected) continue;
        if (args[i].is_null() && !arg.required) continue;
        if (!wrong.empty()) wrong += ",\n";
        wrong += "    \"Position " + std::to_string(i + 1) + " (" + std::string{shown_name(arg)} + ")\": \"" +
                 mismatch(args[i], expected) + "\"";
    }
    if (!wrong.empty()) throw Error{Code::kType, "Wrong type passed:\n{\n" + wrong + "\n}"};
}

void check_count(const Method& method, const Json& args) {
    size_t required = 0;
    for (const Arg& arg : method.args) required += arg.required ? 1 : 0;
    size_t given = args.size();
    while (given > 0 && args[given - 1].is_null()) --given;
    if (given < required || args.size() > method.args.size()) throw Error{Code::kMisc, help_of(method)};
}

/// Named arguments by position; "args" may hold positional ones, as in Core.
Json by_position(const Method& method, const Json& named) {
    Json args = Json::array();
    size_t positional = 0;
    if (const auto given = named.find("args"); given != named.end() && given->is_array()) {
        args = *given;
        positional = args.size();
    }
    for (const auto& [name, value] : named.items()) {
        if (name == "args" && value.is_array()) continue;
        size_t index = 0;
        while (index < method.args.size() && !is_named(method.args[index], name)) ++index;
        if (index == method.args.size()) {
            throw Error{Code::kInvalidParameter, "Unknown named parameter " + name};
        }
        if (index < positional) {
            throw Error{Code::kInvalidParameter,
                        "Parameter " + name + " specified twice both as positional and named argument"};
        }
        while (args.size() <= index) args.push_back(nullptr);
        if (!args[index].is_null()) {
            throw Error{Code::kInvalidParameter, "Parameter " + name + " specified multiple times"};
        }
        args[index] = value;
    }
    return args;
}

Hash256 parse_id(const Json& value, std::string_view name, bool reversed) {
    require_type(value, "string");
    const std::string& text = value.get_ref<const std::string&>();
    const auto hash = reversed ? parse_hash_reversed(text) : parse_hash(text);
    if (hash) return *hash;
    if (text.size() != 64) {
        throw Error{Code::kInvalidParameter, std::string{name} + " must be of length 64 (not " +
                                                 std::to_string(text.size()) + ", for '" + text + "')"};
    }
    throw Error{Code::kInvalidParameter,
                std::string{name} + " must be hexadecimal string (not '" + text + "')"};
}

}  // namespace

Call::Call(const Method& method, std::unique_ptr<Json> positional, std::string wallet_path)
    : method_{&method}, args_{std::move(positional)}, wallet_path_{std::move(wallet_path)} {}
Call::~Call() = default;

bool Call::has(size_t index) const { return index < args_->size() && !(*args_)[index].is_null(); }

const Json& Call::any(size_t index) const {
    static const Json kNull;
    return index < args_->size() ? (*args_)[index] : kNull;
}

const std::string& Call::string(size_t index) const { return any(index).get_ref<const std::string&>(); }

std::string Call::string_or(size_t index, std::string_view otherwise) const {
    return has(index) ? string(index) : std::string{otherwise};
}

int64_t Call::integer(size_t index) const { return integer_of(any(index)); }

int64_t Call::integer_or(size_t index, int64_t otherwise) const {
    return has(index) ? integer(index) : otherwise;
}

bool Call::boolean_or(size_t index, bool otherwise) const {
    return has(index) ? any(index).get<bool>() : otherwise;
}

int Call::verbosity_or(size_t index, int otherwise) const {
    if (!has(index)) return otherwise;
    if (any(index).is_boolean()) return any(index).get<bool>() ? 1 : 0;
    const int64_t level = integer(index);
    return level < 0 ? 0 : level > 3 ? 3 : int(level);
}

Amount Call::amount(size_t index) const { return amount_of(any(index)); }

Hash256 Call::hash(size_t index) const {
    return parse_id(any(index), shown_name(method_->args[index]), /*reversed=*/true);
}

Hash256 Call::id(size_t index) const {
    return parse_id(any(index), shown_name(method_->args[index]), /*reversed=*/false);
}

std::optional<std::string> Call::wallet() const {
    if (wallet_path_.empty()) return std::nullopt;
    return wallet_path_;
}

Call make_call(const Method& method, const Json& params, std::string wallet_path) {
    Json args = Json::array();
    if (params.is_object()) {
        args = by_position(method, params);
    } else if (params.is_array()) {
        args = params;
    } else if (!params.is_null()) {
        throw Error{Code::kInvalidRequest, "Params must be an array or object"};
    }
    check_count(method, args);
    check_types(method, args);
    return Call{method, std::make_unique<Json>(std::move(args)), std::move(wallet_path)};
}

std::string usage_of(const Method& method) {
    std::string usage{method.name};
    bool optional = false;
    for (const Arg& arg : method.args) {
        if (!arg.required && !optional) usage += " (";
        optional |= !arg.required;
        const bool quoted = json_type_of(arg.type) == "string";
        usage += quoted ? " \"" : " ";
        usage += shown_name(arg);
        if (quoted) usage += '"';
    }
    return optional ? usage + " )" : usage;
}

std::string help_of(const Method& method) {
    std::string text = usage_of(method) + "\n\n" + std::string{method.help} + "\n";
    if (method.args.empty()) return text;
    text += "\nArguments:\n";
    size_t number = 1;
    for (const Arg& arg : method.args) {
        const std::string_view type = json_type_of(arg.type);
        text += std::to_string(number++) + ". " + std::string{shown_name(arg)} + "    (";
        text += arg.type == ArgType::kAmount ? "numeric or string" : type == "any" ? "numeric" : type;
        text += arg.required ? ", required) " : ", optional) ";
        text += std::string{arg.help} + "\n";
    }
    return text;
}

Amount amount_of(const Json& value) {
    if (!is_number(value) && !value.is_string()) throw Error{Code::kType, "Amount is not a number or string"};
    const auto amount = parse_amount(value.is_string() ? value.get<std::string>() : number_text(value));
    if (!amount) throw Error{Code::kType, "Invalid amount"};
    if (!consensus::is_money(*amount)) throw Error{Code::kType, "Amount out of range"};
    return *amount;
}

Hash256 hash_of(const Json& value, std::string_view name) { return parse_id(value, name, /*reversed=*/true); }

void require_type(const Json& value, std::string_view type) {
    if (type_name(value) != type) throw Error{Code::kType, mismatch(value, type)};
}

int64_t integer_of(const Json& value) {
    require_type(value, "number");
    const std::string text = number_text(value);
    int64_t integer = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw Error{Code::kMisc, "JSON integer out of range"};
    }
    return integer;
}

}  // namespace daidd::rpc
