#include <iostream>
#include <nlohmann/json.hpp>

#include "inference/manifest.h"
#include "tools/commands.h"
#include "tools/model_file.h"
#include "util/mapped_file.h"
#include "work/mine.h"
#include "work/project_corpus.h"

namespace daidd::tools {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const TextModel& loaded, uint32_t unit_tokens) {
    const auto& d = loaded.model.dimensions();
    const inference::ModelTree tree{loaded.model, unit_tokens, 2};
    uint64_t weights = 0;
    for (const auto& linear : loaded.model.linears()) weights += uint64_t{linear.n} * linear.k;
    return {{"architecture", loaded.model.parts().architecture},
            {"precision", loaded.precision},
            {"vocabulary", d.vocabulary},
            {"layers", d.layers},
            {"dim", d.dim},
            {"ffn", d.ffn},
            {"heads", d.heads},
            {"kv_heads", d.kv_heads},
            {"head_dim", d.head_dim},
            {"context", d.context},
            {"fx", loaded.model.fx()},
            {"linear_weights", weights},
            {"operations", loaded.model.graph().ops.size()},
            {"trace_tensors", tree.manifest().tensors},
            {"mined_operands", tree.manifest().operands.size()},
            {"unit_tokens", unit_tokens},
            {"constants_root", to_hex(*tree.manifest().constants)},
            {"model_root", to_hex(tree.root())}};
}

}  // namespace

Outcome inspect(const InspectArguments& arguments) {
    const auto loaded = load_text_model(arguments.model, inference::Backend::kScalar);
    if (!loaded) return loaded.error();
    const auto json = json_of(*loaded, arguments.unit_tokens);
    if (arguments.json) {
        std::cout << json.dump(2) << "\n";
    } else {
        for (const auto& [key, value] : json.items()) {
            std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
        }
    }
    return std::nullopt;
}

Outcome chain_spec(const ChainSpecArguments& arguments) {
    const auto loaded = load_model(arguments.model, inference::Backend::kScalar);
    if (!loaded) return loaded.error();
    if (arguments.unit_tokens % 16 != 0) return "unit: must be a multiple of 16";
    if (arguments.unit_tokens > loaded->model.dimensions().context)
        return "unit: longer than the model's context";
    const auto corpus = loaded->tokenizer.encode(work::project_corpus());
    const auto manifest = work::manifest_of(loaded->model, arguments.unit_tokens);
    const ordered_json spec{
        {"base", "regtest"},
        {"name", arguments.name},
        {"unit_tokens", arguments.unit_tokens},
        {"models",
         {{{"name", loaded->model.parts().architecture + "-" + loaded->precision},
           {"root", to_hex(work::model_root(loaded->model, arguments.unit_tokens))},
           {"manifest", to_hex(manifest.encode())},
           {"first_height", 0}}}},
        {"corpora",
         {{{"name", "project"}, {"root", to_hex(work::corpus_root(corpus))}, {"tokens", corpus.size()}}}}};
    std::cout << spec.dump(2) << "\n";
    return std::nullopt;
}

}  // namespace daidd::tools
