#include "import/hugging_face_names.h"

#include <algorithm>
#include <charconv>

namespace daidd::import {

namespace {

std::optional<std::string> renamed(std::string_view name, std::span<const TensorName> table) {
    for (const std::string_view suffix : {".weight", ".bias"}) {
        if (!name.ends_with(suffix)) continue;
        const auto stem = name.substr(0, name.size() - suffix.size());
        const auto found = std::ranges::find(table, stem, &TensorName::hugging_face);
        if (found != table.end()) return std::string{found->gguf} + std::string{suffix};
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> TensorNames::gguf_name(std::string_view name) const {
    if (!name.starts_with(layer_prefix)) return renamed(name, model);
    name.remove_prefix(layer_prefix.size());
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const auto rest = name.substr(size_t(end - name.data()));
    if (error != std::errc{} || !rest.starts_with('.')) return std::nullopt;
    const auto found = renamed(rest.substr(1), layer);
    return found ? std::optional{"blk." + std::to_string(number) + "." + *found} : std::nullopt;
}

}  // namespace daidd::import
