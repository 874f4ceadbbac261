#include <array>

#include "rpc/encode.h"

namespace daidd::rpc {
namespace {

constexpr uint8_t kPushData1 = 0x4c;
constexpr uint8_t kPushData4 = 0x4e;
constexpr uint8_t kNegate1 = 0x4f;
constexpr uint8_t kOne = 0x51;
constexpr uint8_t kSixteen = 0x60;
constexpr uint8_t kFirstNamed = 0x61;

/// Bitcoin's names from 0x61 on.
constexpr std::array kNames = std::to_array<std::string_view>({"NOP",
                                                               "VER",
                                                               "IF",
                                                               "NOTIF",
                                                               "VERIF",
                                                               "VERNOTIF",
                                                               "ELSE",
                                                               "ENDIF",
                                                               "VERIFY",
                                                               "RETURN",
                                                               "TOALTSTACK",
                                                               "FROMALTSTACK",
                                                               "2DROP",
                                                               "2DUP",
                                                               "3DUP",
                                                               "2OVER",
                                                               "2ROT",
                                                               "2SWAP",
                                                               "IFDUP",
                                                               "DEPTH",
                                                               "DROP",
                                                               "DUP",
                                                               "NIP",
                                                               "OVER",
                                                               "PICK",
                                                               "ROLL",
                                                               "ROT",
                                                               "SWAP",
                                                               "TUCK",
                                                               "CAT",
                                                               "SUBSTR",
                                                               "LEFT",
                                                               "RIGHT",
                                                               "SIZE",
                                                               "INVERT",
                                                               "AND",
                                                               "OR",
                                                               "XOR",
                                                               "EQUAL",
                                                               "EQUALVERIFY",
                                                               "RESERVED1",
                                                               "RESERVED2",
                                                               "1ADD",
                                                               "1SUB",
                                                               "2MUL",
                                                               "2DIV",
                                                               "NEGATE",
                                                               "ABS",
                                                               "NOT",
                                                               "0NOTEQUAL",
                                                               "ADD",
                                                               "SUB",
                                                               "MUL",
                                                               "DIV",
                                                               "MOD",
                                                               "LSHIFT",
                                                               "RSHIFT",
                                                               "BOOLAND",
                                                               "BOOLOR",
                                                               "NUMEQUAL",
                                                               "NUMEQUALVERIFY",
                                                               "NUMNOTEQUAL",
                                                               "LESSTHAN",
                                                               "GREATERTHAN",
                                                               "LESSTHANOREQUAL",
                                                               "GREATERTHANOREQUAL",
                                                               "MIN",
                                                               "MAX",
                                                               "WITHIN",
                                                               "RIPEMD160",
                                                               "SHA1",
                                                               "SHA256",
                                                               "HASH160",
                                                               "HASH256",
                                                               "CODESEPARATOR",
                                                               "CHECKSIG",
                                                               "CHECKSIGVERIFY",
                                                               "CHECKMULTISIG",
                                                               "CHECKMULTISIGVERIFY",
                                                               "NOP1",
                                                               "CHECKLOCKTIMEVERIFY",
                                                               "CHECKSEQUENCEVERIFY",
                                                               "NOP4",
                                                               "NOP5",
                                                               "NOP6",
                                                               "NOP7",
                                                               "NOP8",
                                                               "NOP9",
                                                               "NOP10",
                                                               "CHECKSIGADD"});
static_assert(kFirstNamed + kNames.size() - 1 == 0xba);

/// Pushes of up to four bytes are shown as the number they are on the stack.
std::string shown(ByteView push) {
    if (push.size() > 4) return to_hex(push);
    if (push.empty()) return "0";
    int64_t value = 0;
    for (size_t i = 0; i < push.size(); ++i) value |= int64_t(push[i]) << (8 * i);
    const int64_t sign = int64_t(0x80) << (8 * (push.size() - 1));
    if ((value & sign) != 0) value = -(value & ~sign);
    return std::to_string(value);
}

/// Takes the data of a push opcode off `script`; nothing if it ends before.
std::optional<ByteView> take_push(uint8_t opcode, ByteView& script) {
    size_t size = opcode;
    if (opcode >= kPushData1) {
        const size_t width = size_t{1} << (opcode - kPushData1);
        if (script.size() < width) return std::nullopt;
        size = 0;
        for (size_t i = 0; i < width; ++i) size |= size_t(script[i]) << (8 * i);
        script = script.subspan(width);
    }
    if (script.size() < size) return std::nullopt;
    const ByteView data = script.first(size);
    script = script.subspan(size);
    return data;
}

std::string name_of(uint8_t opcode) {
    if (opcode == kNegate1) return "-1";
    if (opcode >= kOne && opcode <= kSixteen) return std::to_string(opcode - kOne + 1);
    if (opcode == kNegate1 + 1) return "OP_RESERVED";
    if (opcode >= kFirstNamed && size_t(opcode - kFirstNamed) < kNames.size()) {
        return "OP_" + std::string{kNames[opcode - kFirstNamed]};
    }
    return "OP_UNKNOWN";
}

}  // namespace

std::string script_asm(ByteView script) {
    std::string text;
    while (!script.empty()) {
        if (!text.empty()) text += ' ';
        const uint8_t opcode = script[0];
        script = script.subspan(1);
        if (opcode > kPushData4) {
            text += name_of(opcode);
            continue;
        }
        const auto push = take_push(opcode, script);
        if (!push) return text + "[error]";
        text += shown(*push);
    }
    return text;
}

}  // namespace daidd::rpc
