#include "schema/json_schema.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "schema/rules.h"

namespace daidd::schema {

std::string_view to_string(SchemaReason reason) {
    switch (reason) {
    case SchemaReason::kNotJson: return "not_json";
    case SchemaReason::kTooLarge: return "too_large";
    case SchemaReason::kUnsupported: return "unsupported";
    case SchemaReason::kBadValue: return "bad_value";
    case SchemaReason::kUnknownRef: return "unknown_ref";
    case SchemaReason::kBadGrammar: return "bad_grammar";
    }
    return "unknown";
}

std::string SchemaError::text() const {
    std::string out{to_string(reason)};
    if (!path.empty()) out += ": " + path;
    return what.empty() ? out : out + ": " + what;
}

namespace {

using Json = nlohmann::ordered_json;  // members keep their order
using Names = std::set<std::string_view>;

const Names kAnnotations = {"title",      "description", "default",   "examples", "$schema",    "$comment",
                            "deprecated", "readOnly",    "writeOnly", "$defs",    "definitions"};
const std::map<std::string_view, Names> kKeywords = {
    {"object", {"properties", "required", "additionalProperties"}},
    {"array", {"items", "minItems", "maxItems"}},
    {"string", {"minLength", "maxLength"}},
    {"integer", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
    {"number", {}},
    {"boolean", {}},
    {"null", {}},
};

Result<Json, SchemaError> parse_json(std::string_view text) {
    if (text.size() > kSchemaBytesMax) return Fail{SchemaError{SchemaReason::kTooLarge, "", "bytes"}};
    std::optional<SchemaError> error;
    std::vector<std::set<std::string>> names;  // of the open objects
    const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > int(kSchemaDepthMax)) error = SchemaError{SchemaReason::kTooLarge, "", "depth"};
        if (event == Json::parse_event_t::object_start) names.emplace_back();
        if (event == Json::parse_event_t::object_end) names.pop_back();
        if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second)
            error = SchemaError{SchemaReason::kNotJson, "", "a member is there twice: " + parsed.dump()};
        return !error;
    };
    try {
        Json json = Json::parse(text, look);
        if (error) return Fail{*error};
        return json;
    } catch (const Json::parse_error& refused) {
        return Fail{SchemaError{SchemaReason::kNotJson, "",
                                "unexpected input at byte " + std::to_string(refused.byte)}};
    } catch (const Json::exception&) {  // a number beyond a double
        return Fail{SchemaError{SchemaReason::kNotJson, "", "a number is too large"}};
    }
}

/// As JSON pointers write names.
std::string escaped(std::string_view name) {
    std::string out;
    for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
}

bool is_of_type(const Json& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    return value.is_null();
}

/// Every schema becomes one expression or rule, what a $ref names once. The first error ends everything.
class Translator {
public:
    explicit Translator(const Json& root) : root_{root} {}

    Result<std::string, SchemaError> translate() {
        out_ = "root ::= " + rule_of_ref("#", "#") + "\n";
        // Not by recursion: references may form a chain as long as the schema.
        for (size_t i = 0; i < pending_.size() && !error_; ++i) {
            const auto [name, schema, path] = pending_[i];
            const auto expression = visit(*schema, path);
            out_ += name + " ::= " + expression + "\n";
        }
        if (error_) return Fail{*error_};
        return out_ += json_rules();
    }

private:
    struct Pending {
        std::string name;
        const Json* schema;
        std::string path;
    };

    std::string refuse(SchemaReason reason, const std::string& path, std::string what = {}) {
        if (!error_) error_ = SchemaError{reason, path, std::move(what)};
        return "";
    }
    std::string expected(const std::string& path, std::string_view what) {
        return refuse(SchemaReason::kBadValue, path, "expected " + std::string{what});
    }
    std::string new_name() { return "s" + std::to_string(names_++); }
    std::string add_rule(const std::string& expression) {
        const auto name = new_name();
        out_ += name + " ::= " + expression + "\n";
        return name;
    }

    std::string rule_of_ref(const std::string& ref, const std::string& path) {
        if (const auto found = refs_.find(ref); found != refs_.end()) return found->second;
        const Json* schema = nullptr;
        if (ref.starts_with("#") && ref.find('%') == std::string::npos) {
            try {
                const Json::json_pointer pointer{ref.substr(1)};
                if (root_.contains(pointer)) schema = &root_.at(pointer);
            } catch (const Json::exception&) {  // not a pointer
            }
        }
        if (schema == nullptr) return refuse(SchemaReason::kUnknownRef, path, ref);
        pending_.push_back({new_name(), schema, ref});
        return refs_[ref] = pending_.back().name;
    }

    void check_keywords(const Json& schema, const std::string& path, const Names& allowed) {
        for (const auto& [name, value] : schema.items()) {
            if (!kAnnotations.contains(name) && !allowed.contains(name))
                refuse(SchemaReason::kUnsupported, path + "/" + escaped(name));
        }
    }

    std::string visit(const Json& schema, const std::string& path) {
        if (error_) return "";
        if (schema.is_boolean() && schema.get<bool>()) return "json-value";
        if (!schema.is_object()) return expected(path, "a schema that accepts something");
        if (schema.contains("$ref")) {
            check_keywords(schema, path, {"$ref"});
            if (!schema["$ref"].is_string()) return expected(path + "/$ref", "a string");
            return rule_of_ref(schema["$ref"].get<std::string>(), path + "/$ref");
        }
        for (const char* name : {"anyOf", "oneOf"}) {
            if (schema.contains(name)) return visit_choice(schema, name, path);
        }
        if (schema.contains("const") || schema.contains("enum")) return visit_values(schema, path);
        if (!schema.contains("type")) {
            check_keywords(schema, path, {});
            return "json-value";
        }
        return visit_types(schema, path);
    }

    std::string visit_choice(const Json& schema, const std::string& name, const std::string& path) {
        check_keywords(schema, path, {name});
        const Json& choices = schema[name];
        if (!choices.is_array() || choices.empty())
            return expected(path + "/" + name, "an array with schemas");
        std::string out;
        for (size_t i = 0; i < choices.size(); ++i) {
            if (i > 0) out += " | ";
            out += visit(choices[i], path + "/" + name + "/" + std::to_string(i));
        }
        return add_rule(out);
    }

    /// The types that are named, once each.
    std::vector<std::string> types_of(const Json& schema, const std::string& path) {
        const Json& type = schema["type"];
        std::vector<std::string> types;
        for (const Json& name : type.is_array() ? type : Json::array({type})) {
            if (!name.is_string() || !kKeywords.contains(name.get<std::string>()) ||
                std::ranges::find(types, name.get<std::string>()) != types.end()) {
                expected(path + "/type", "types, each once");
                return {};
            }
            types.push_back(name.get<std::string>());
        }
        if (types.empty()) expected(path + "/type", "types, each once");
        return types;
    }

    std::string visit_values(const Json& schema, const std::string& path) {
        const std::string name = schema.contains("const") ? "const" : "enum";
        check_keywords(schema, path, {name, "type"});
        const auto types = schema.contains("type") ? types_of(schema, path) : std::vector<std::string>{};
        const Json values = name == "const" ? Json::array({schema[name]}) : schema[name];
        if (!values.is_array()) return expected(path + "/" + name, "an array");
        std::string out;
        for (const Json& value : values) {
            const auto fits = [&](const std::string& type) { return is_of_type(value, type); };
            if (!types.empty() && std::ranges::none_of(types, fits)) continue;
            out += (out.empty() ? "" : " | ") + gbnf_literal(value.dump());
        }
        if (out.empty()) return expected(path + "/" + name, "a value of the type");
        return add_rule(out);
    }

    std::string visit_types(const Json& schema, const std::string& path) {
        const auto types = types_of(schema, path);
        Names allowed = {"type"};
        for (const auto& type : types) allowed.insert(kKeywords.at(type).begin(), kKeywords.at(type).end());
        check_keywords(schema, path, allowed);
        if (error_) return "";
        std::string out;
        for (const auto& type : types) {
            if (!out.empty()) out += " | ";
            if (type == "object") {
                out += visit_object(schema, path);
            } else if (type == "array") {
                out += visit_array(schema, path);
            } else if (type == "string") {
                out += visit_string(schema, path);
            } else if (type == "integer") {
                out += visit_integer(schema, path);
            } else {
                out += "json-" + type;
            }
        }
        return types.size() == 1 ? out : add_rule(out);
    }

    /// A count of characters or items.
    std::optional<uint32_t> count_of(const Json& schema, const std::string& name, const std::string& path) {
        if (!schema.contains(name)) return std::nullopt;
        const Json& value = schema[name];
        if (!value.is_number_unsigned() || value.get<uint64_t>() > inference::kGrammarRepeatMax) {
            expected(path + "/" + name,
                     "an integer from 0 to " + std::to_string(inference::kGrammarRepeatMax));
            return std::nullopt;
        }
        return value.get<uint32_t>();
    }

    std::string visit_string(const Json& schema, const std::string& path) {
        const auto least = count_of(schema, "minLength", path), most = count_of(schema, "maxLength", path);
        if (!least && !most) return "json-string";
        if (most && least.value_or(0) > *most) return expected(path + "/maxLength", "at least minLength");
        return R"("\"" json-char)" + gbnf_repeat(least.value_or(0), most) + R"( "\"")";
    }

    std::string visit_array(const Json& schema, const std::string& path) {
        const uint32_t least = count_of(schema, "minItems", path).value_or(0);
        const auto most = count_of(schema, "maxItems", path);
        if (most && least > *most) return expected(path + "/maxItems", "at least minItems");
        const auto item =
            schema.contains("items") ? visit(schema["items"], path + "/items") : std::string{"json-value"};
        if (most == 0) return R"("[]")";
        const auto more =
            gbnf_repeat(least > 0 ? least - 1 : 0, most ? std::optional{*most - 1} : std::nullopt);
        const auto items = item + " (json-comma " + item + ")" + more;
        return R"("[" )" + (least > 0 ? items : "(" + items + ")?") + R"( "]")";
    }

    std::string visit_integer(const Json& schema, const std::string& path) {
        int64_t low = -kIntegerMax, high = kIntegerMax;
        for (const char* name : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
            if (!schema.contains(name)) continue;
            const Json& value = schema[name];
            const bool fits = value.is_number_integer() &&
                              (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{kIntegerMax});
            if (!fits || value.get<int64_t>() < -kIntegerMax)
                return expected(path + "/" + name, "an integer of at most 18 digits");
            const std::string_view key = name;
            const int64_t bound = value.get<int64_t>();
            if (key == "minimum") low = std::max(low, bound);
            if (key == "exclusiveMinimum") low = std::max(low, bound + 1);
            if (key == "maximum") high = std::min(high, bound);
            if (key == "exclusiveMaximum") high = std::min(high, bound - 1);
        }
        if (low > high) return expected(path, "an integer between the bounds");
        return low == -kIntegerMax && high == kIntegerMax ? "json-integer" : add_rule(gbnf_range(low, high));
    }

    std::string visit_object(const Json& schema, const std::string& path) {
        static const Json kNone = Json::object(), kNoNames = Json::array();
        const Json& properties = schema.contains("properties") ? schema["properties"] : kNone;
        if (!properties.is_object()) return expected(path + "/properties", "an object");
        const Json& names = schema.contains("required") ? schema["required"] : kNoNames;
        if (!names.is_array()) return expected(path + "/required", "an array");
        std::set<std::string> required;
        for (const Json& name : names) {
            if (!name.is_string() || !properties.contains(name.get<std::string>()))
                return expected(path + "/required", "names of properties");
            required.insert(name.get<std::string>());
        }
        // Without a word on others, those that have names are all. Members of any name are only offered where
        // none has a name of its own: else one might come twice.
        const auto more_path = path + "/additionalProperties";
        const Json more = schema.value("additionalProperties", Json(properties.empty()));
        if (more == Json(false)) return visit_members(properties, required, path);
        if (!properties.empty()) return refuse(SchemaReason::kUnsupported, more_path);
        const auto member = add_rule("json-string json-colon " + visit(more, more_path));
        return R"("{" ()" + member + " (json-comma " + member + R"()*)? "}")";
    }

    /// Two chains of rules, from the last member to the first: what may follow if no member was written yet,
    /// and if one was, which needs a comma.
    std::string visit_members(const Json& properties, const std::set<std::string>& required,
                              const std::string& path) {
        std::vector<std::pair<std::string, bool>> members;
        for (const auto& [name, schema] : properties.items()) {
            const auto value = visit(schema, path + "/properties/" + escaped(name));
            members.emplace_back(gbnf_literal(Json(name).dump()) + " json-colon " + value,
                                 required.contains(name));
        }
        std::string first = R"("")", rest = R"("")";
        for (auto it = members.rbegin(); it != members.rend(); ++it) {
            const auto& [member, is_required] = *it;
            const auto shared = add_rule(member);
            first = add_rule(shared + " " + rest + (is_required ? "" : " | " + first));
            rest = add_rule("json-comma " + shared + " " + rest + (is_required ? "" : " | " + rest));
        }
        return R"("{" )" + first + R"( "}")";
    }

    const Json& root_;
    std::string out_;
    size_t names_ = 0;
    std::map<std::string, std::string> refs_;
    std::vector<Pending> pending_;
    std::optional<SchemaError> error_;
};

}  // namespace

Result<std::string, SchemaError> make_grammar_text(std::string_view schema) {
    const auto json = parse_json(schema);
    if (!json) return Fail{json.error()};
    return Translator{*json}.translate();
}

Result<inference::Grammar, SchemaError> make_grammar(std::string_view schema) {
    const auto text = make_grammar_text(schema);
    if (!text) return Fail{text.error()};
    auto grammar = inference::Grammar::parse(*text);
    if (!grammar) return Fail{SchemaError{SchemaReason::kBadGrammar, "", grammar.error().text()}};
    return *std::move(grammar);
}

}  // namespace daidd::schema
