#pragma once

#include "inference/grammar.h"

namespace daidd::schema {

// Limits of a schema, which anybody may send; the grammar it becomes has its own.
inline constexpr size_t kSchemaBytesMax = 1u << 18;
inline constexpr size_t kSchemaDepthMax = 64;  ///< of the JSON text

/// Shown to users: never rename one.
enum class SchemaReason {
    kNotJson,      ///< `what` says where
    kTooLarge,     ///< a limit; `what` says which
    kUnsupported,  ///< the keyword at `path` is not known here
    kBadValue,     ///< `what` says what was expected at `path`
    kUnknownRef,   ///< `path` names nothing that is in the schema
    kBadGrammar,   ///< the grammar it becomes is refused; `what` is its error
};
std::string_view to_string(SchemaReason reason);

struct SchemaError {
    SchemaReason reason;
    std::string path;  ///< a JSON pointer as a fragment: "#/properties/name"
    std::string what;
    std::string text() const;  ///< "unsupported: #/properties/name/pattern"
};

/// GBNF whose texts are JSON values that the schema accepts: members in the order of `properties`, a blank
/// behind commas and colons allowed and no other between tokens.
Result<std::string, SchemaError> make_grammar_text(std::string_view schema);
/// The same, parsed.
Result<inference::Grammar, SchemaError> make_grammar(std::string_view schema);

/// GBNF of any JSON object: what `response_format` json_object asks for.
std::string_view json_object_grammar();

}  // namespace daidd::schema
