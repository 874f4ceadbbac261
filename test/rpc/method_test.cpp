#include "rpc/method.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

namespace daidd::rpc {
namespace {

Json never(Context&, const Call&) { return nullptr; }

constexpr Arg kArgs[] = {
    {"hash", ArgType::kHash, true, "a hash"},    {"count|number", ArgType::kNumber, false, "a number"},
    {"flag", ArgType::kBool, false, "a flag"},   {"level|verbose", ArgType::kVerbosity, false, "how much"},
    {"value", ArgType::kAmount, false, "money"}, {"list", ArgType::kArray, false, "a list"},
};
const Method kMethod = {"test", "sample", kArgs, never, "Does nothing."};
const std::string kHash = "00000000000000000000000000000000000000000000000000000000000000ff";

Call call(const std::string& params) { return make_call(kMethod, *parse_json(params), ""); }

struct BadCase {
    std::string params;
    Code code;
    std::string message;
};

const BadCase kBadCases[] = {
    {"[]", Code::kMisc, "sample \"hash\" ( count flag level value list )\n"},
    {"[null]", Code::kMisc, "sample \"hash\""},
    {"{}", Code::kMisc, "sample \"hash\""},
    {"[\"a\",1,true,1,1,[],7]", Code::kMisc, "sample \"hash\""},
    {"\"text\"", Code::kInvalidRequest, "Params must be an array or object"},
    {"[1]", Code::kType,
     "\"Position 1 (hash)\": \"JSON value of type number is not of expected type string\""},
    {"[\"a\",\"1\"]", Code::kType,
     "\"Position 2 (count)\": \"JSON value of type string is not of expected type number\""},
    {"[\"a\",1,\"true\"]", Code::kType,
     "(flag)\": \"JSON value of type string is not of expected type bool\""},
    {"{\"hash\":\"a\",\"list\":{}}", Code::kType, "Position 6 (list)"},
    {"{\"hash\":\"a\",\"other\":1}", Code::kInvalidParameter, "Unknown named parameter other"},
    {"{\"hash\":\"a\",\"count\":1,\"number\":1}", Code::kInvalidParameter,
     "Parameter number specified multiple times"},
    {"{\"args\":[\"a\"],\"hash\":\"b\"}", Code::kInvalidParameter,
     "Parameter hash specified twice both as positional and named argument"},
};

TEST(MakeCall, FindsWhatIsWrong) {
    for (const BadCase& one : kBadCases) {
        try {
            call(one.params);
            ADD_FAILURE() << one.params << " was accepted";
        } catch (const Error& error) {
            EXPECT_EQ(int(error.code()), int(one.code)) << one.params;
            EXPECT_NE(std::string{error.what()}.find(one.message), std::string::npos) << error.what();
        }
    }
}

TEST(MakeCall, MapsNamesAndLeavesOutTheRest) {
    const Call named = call("{\"hash\":\"" + kHash + "\",\"verbose\":true,\"value\":\"0.5\"}");
    EXPECT_EQ(named.hash(0)[0], 0xff);
    EXPECT_EQ(named.id(0)[31], 0xff);
    EXPECT_FALSE(named.has(1));
    EXPECT_EQ(named.integer_or(1, 7), 7);
    EXPECT_TRUE(named.boolean_or(2, true));
    EXPECT_EQ(named.verbosity_or(3, 9), 1);
    EXPECT_EQ(named.amount(4), 50'000'000);
    EXPECT_FALSE(named.has(5));

    const Call mixed = call("{\"args\":[\"a\",3],\"flag\":false}");
    EXPECT_EQ(mixed.string(0), "a");
    EXPECT_EQ(mixed.integer(1), 3);
    EXPECT_FALSE(mixed.boolean_or(2, true));
    EXPECT_EQ(call("[\"a\",null,null,0]").verbosity_or(3, 9), 0);
}

int thrown_code(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return int(error.code());
    }
    return 0;
}

TEST(Values, RefuseWithCoresCodes) {
    EXPECT_EQ(thrown_code([] { (void)call("[\"abc\"]").hash(0); }), -8);
    EXPECT_EQ(thrown_code([] { (void)call("[\"" + std::string(64, 'g') + "\"]").hash(0); }), -8);
    EXPECT_EQ(thrown_code([] { (void)call("[\"a\",1.5]").integer(1); }), -1);
    EXPECT_EQ(thrown_code([] { (void)call("[\"a\",9223372036854775808]").integer(1); }), -1);
    EXPECT_EQ(call("[\"a\",9223372036854775807]").integer(1), INT64_MAX);
    for (const char* text :
         {"-1", "1e-9", "84096000.00000001", "\"0x1\"", "true", "null", "[]", "\"\"", "\" 1\""}) {
        EXPECT_EQ(thrown_code([&] { amount_of(*parse_json(text)); }), -3) << text;
    }
    EXPECT_EQ(amount_of(*parse_json("1e-8")), 1);
    EXPECT_EQ(amount_of(*parse_json("84096000")), consensus::kMoneyMax);
}

TEST(Table, IsConsistent) {
    std::set<std::string_view> names;
    for (const Method* method : methods()) {
        EXPECT_TRUE(names.insert(method->name).second) << method->name;
        EXPECT_FALSE(why_missing(method->name)) << method->name;
        EXPECT_NE(method->help, "");
        bool optional = false;
        std::set<std::string_view> args;
        for (const Arg& arg : method->args) {
            EXPECT_TRUE(args.insert(arg.names).second) << method->name;
            EXPECT_NE(arg.help, "") << method->name;
            if (!arg.required) optional = true;
            EXPECT_FALSE(arg.required && optional)
                << method->name << ": a required argument after an optional one";
        }
    }
    EXPECT_NE(find_method("getblock"), nullptr);
    EXPECT_EQ(find_method("getbloc"), nullptr);
    EXPECT_EQ(why_missing("walletprocesspsbt"), "partially signed transactions");
    EXPECT_FALSE(why_missing("nonsense"));
    EXPECT_FALSE(why_missing(""));
    EXPECT_FALSE(why_missing("createpsbt decodepsbt"));
}

TEST(Help, ShowsArguments) {
    const std::string help = help_of(kMethod);
    EXPECT_EQ(help.substr(0, 63), "sample \"hash\" ( count flag level value list )\n\nDoes nothing.\n\nA");
    EXPECT_NE(help.find("5. value    (numeric or string, optional) money\n"), std::string::npos);
}

}  // namespace
}  // namespace daidd::rpc
