#include "rpc/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace daidd::rpc {
namespace {

/// Marks the binary values that hold a number's digits; parsed text never gives other binary values.
constexpr uint64_t kDecimalSubtype = 10;

/// Builds the value from the parser's events.
class Builder : public nlohmann::json_sax<Json> {
public:
    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(int64_t value) override { return add(value); }
    bool number_unsigned(uint64_t value) override { return add(value); }
    bool number_float(double, const std::string& text) override { return add(decimal(text)); }
    bool string(std::string& value) override { return add(std::move(value)); }
    bool binary(Json::binary_t&) override { return refuse("binary value"); }
    bool start_object(size_t) override { return open(Json::object()); }
    bool end_object() override { return shut(); }
    bool start_array(size_t) override { return open(Json::array()); }
    bool end_array() override { return shut(); }

    bool key(std::string& name) override {
        Level& level = levels_.back();
        if (!level.names.insert(name).second) return refuse("member \"" + name + "\" is there twice");
        level.name = std::move(name);
        return true;
    }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return refuse("unexpected input at byte " + std::to_string(position));
    }

    Json take() { return std::move(root_); }
    const std::string& error() const { return error_; }

private:
    struct Level {
        Json value;
        std::set<std::string> names;  ///< of an object so far
        std::string name;             ///< of the member to come
    };

    bool refuse(std::string why) {
        error_ = std::move(why);
        return false;
    }
    bool open(Json empty) {
        if (levels_.size() >= kJsonDepthMax) return refuse("nested too deeply");
        levels_.push_back({std::move(empty), {}, {}});
        return true;
    }
    bool shut() {
        Json value = std::move(levels_.back().value);
        levels_.pop_back();
        return add(std::move(value));
    }
    bool add(Json value) {
        if (levels_.empty()) {
            root_ = std::move(value);
            return true;
        }
        Level& level = levels_.back();
        if (level.value.is_array()) {
            level.value.push_back(std::move(value));
        } else {
            // emplace() would look for the name among all members again: quadratic in a hostile object.
            using Members = std::vector<Json::object_t::value_type>;
            static_cast<Members&>(level.value.get_ref<Json::object_t&>())
                .emplace_back(level.name, std::move(value));
        }
        return true;
    }

    std::vector<Level> levels_;
    Json root_;
    std::string error_;
};

void write_string(const std::string& text, std::string& out) {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void write(const Json& value, std::string& out) {
    if (value.is_object()) {
        out += '{';
        bool first = true;
        for (const auto& [name, member] : value.items()) {
            if (!std::exchange(first, false)) out += ',';
            write_string(name, out);
            out += ':';
            write(member, out);
        }
        out += '}';
    } else if (value.is_array()) {
        out += '[';
        bool first = true;
        for (const Json& element : value) {
            if (!std::exchange(first, false)) out += ',';
            write(element, out);
        }
        out += ']';
    } else if (value.is_string()) {
        write_string(value.get_ref<const std::string&>(), out);
    } else if (is_decimal(value)) {
        out += number_text(value);
    } else {
        out += value.dump();
    }
}

}  // namespace

Result<Json, std::string> parse_json(std::string_view text) {
    Builder builder;
    if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
        return Fail{builder.error().empty() ? std::string{"not JSON"} : builder.error()};
    }
    return builder.take();
}

Json decimal(std::string text) { return Json::binary({text.begin(), text.end()}, kDecimalSubtype); }

bool is_decimal(const Json& value) {
    return value.is_binary() && value.get_binary().subtype() == kDecimalSubtype;
}

bool is_number(const Json& value) { return value.is_number() || is_decimal(value); }

std::string number_text(const Json& value) {
    if (!is_decimal(value)) return value.dump();
    const auto& digits = value.get_binary();
    return {digits.begin(), digits.end()};
}

std::string write_json(const Json& value) {
    std::string out;
    write(value, out);
    return out;
}

std::string_view type_name(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_boolean()) return "bool";
    if (value.is_object()) return "object";
    if (value.is_array()) return "array";
    if (value.is_string()) return "string";
    return "number";
}

}  // namespace daidd::rpc
