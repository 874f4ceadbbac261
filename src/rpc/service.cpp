#include "rpc/service.h"

#include <mutex>
#include <nlohmann/json.hpp>

#include "rpc/auth.h"
#include "rpc/context.h"
#include "rpc/method.h"
#include "util/log.h"

namespace daidd::rpc {
namespace {

enum class Version { kOne, kTwo };

/// One request object, taken apart.
struct Call1 {
    Version version = Version::kOne;
    Json id;
    bool notification = false;  ///< of version 2: no answer is wanted
    std::string method;
    Json params;
};

constexpr std::string_view kWalletPrefix = "/wallet/";

http::Response text_response(unsigned status, std::string text) {
    return {status, {{"Content-Type", "text/plain"}}, std::move(text), {}, 0};
}

http::Response json_response(unsigned status, const Json& answer) {
    return {status, {{"Content-Type", "application/json"}}, write_json(answer) + "\n", {}, 0};
}

Json error_object(Code code, const std::string& message) {
    return Json{{"code", int(code)}, {"message", message}};
}

Json answer_of(const Call1& call, Json result, Json error) {
    Json answer = Json::object();
    if (call.version == Version::kTwo) {
        answer["jsonrpc"] = "2.0";
        if (error.is_null()) {
            answer["result"] = std::move(result);
        } else {
            answer["error"] = std::move(error);
        }
    } else {
        answer["result"] = std::move(result);
        answer["error"] = std::move(error);
    }
    answer["id"] = call.id;
    return answer;
}

/// The statuses that Bitcoin Core gives errors of JSON-RPC 1.
unsigned status_of(int code) {
    if (code == int(Code::kInvalidRequest)) return 400;
    if (code == int(Code::kMethodNotFound)) return 404;
    return 500;
}

/// Fills `call` as far as it gets, so that an error is answered in the request's own version and with its id.
void take_apart(const Json& request, Call1& call) {
    if (!request.is_object()) throw Error{Code::kInvalidRequest, "Invalid Request object"};
    const auto member = [&](const char* name) -> Json {
        const auto found = request.find(name);
        return found == request.end() ? Json{} : *found;
    };
    call.id = member("id");
    if (const Json version = member("jsonrpc"); !version.is_null()) {
        if (!version.is_string()) throw Error{Code::kInvalidRequest, "jsonrpc field must be a string"};
        if (version == "2.0") {
            call.version = Version::kTwo;
            call.notification = !request.contains("id");
        } else if (version != "1.0" && version != "1.1") {
            throw Error{Code::kInvalidRequest, "JSON-RPC version not supported"};
        }
    }
    const Json method = member("method");
    if (method.is_null()) throw Error{Code::kInvalidRequest, "Missing method"};
    if (!method.is_string()) throw Error{Code::kInvalidRequest, "Method must be a string"};
    call.method = method.get<std::string>();
    call.params = member("params");
    if (!call.params.is_null() && !call.params.is_array() && !call.params.is_object()) {
        throw Error{Code::kInvalidRequest, "Params must be an array or object"};
    }
}

/// The wallet's name of a path, percent-decoded; nothing for a path that is neither "/" nor a wallet's.
std::optional<std::string> wallet_of(std::string_view target) {
    if (target == "/" || target.empty()) return "";
    if (!target.starts_with(kWalletPrefix)) return std::nullopt;
    target.remove_prefix(kWalletPrefix.size());
    std::string name;
    for (size_t i = 0; i < target.size(); ++i) {
        const auto byte = target[i] == '%' ? parse_hex(target.substr(i + 1, 2)) : std::nullopt;
        if (byte && byte->size() == 1) {
            name += char((*byte)[0]);
            i += 2;
        } else {
            name += target[i];
        }
    }
    return name;
}

}  // namespace

struct Service::Impl {
    std::vector<std::string> credentials;
    std::mutex mutex;
    std::string warmup_status = "Starting";
    Context* context = nullptr;

    Json run(const Call1& call, const std::string& wallet);
    /// The answer, and the status it has if it stands alone; null for a notification.
    std::pair<Json, unsigned> answer(const Json& request, const std::string& wallet);
    http::Response answer_batch(const Json& batch, const std::string& wallet);
    http::Response answer_body(const std::string& body, const std::string& wallet);
};

Json Service::Impl::run(const Call1& call, const std::string& wallet) {
    Context* ready = nullptr;
    {
        const std::lock_guard lock{mutex};
        if (context == nullptr) throw Error{Code::kInWarmup, warmup_status};
        ready = context;
    }
    const Method* method = find_method(call.method);
    if (method == nullptr) {
        if (const auto why = why_missing(call.method)) {
            throw Error{Code::kMethodNotFound, "not available yet: " + std::string{*why}};
        }
        throw Error{Code::kMethodNotFound, "Method not found"};
    }
    const ActiveCommand active{*ready, call.method};
    return method->handler(*ready, make_call(*method, call.params, wallet));
}

std::pair<Json, unsigned> Service::Impl::answer(const Json& request, const std::string& wallet) {
    Call1 call;
    Json error;
    try {
        take_apart(request, call);
        Json result = run(call, wallet);
        if (call.notification) return {nullptr, 204};
        return {answer_of(call, std::move(result), nullptr), 200};
    } catch (const Error& failure) {
        error = error_object(failure.code(), failure.what());
    } catch (const std::exception& failure) {
        log(LogLevel::kError, "rpc", call.method + ": " + failure.what());
        error = error_object(Code::kMisc, failure.what());
    }
    if (call.notification) return {nullptr, 204};
    const unsigned status = call.version == Version::kTwo ? 200 : status_of(error["code"].get<int>());
    return {answer_of(call, nullptr, std::move(error)), status};
}

http::Response Service::Impl::answer_batch(const Json& batch, const std::string& wallet) {
    if (batch.size() > kBatchMax) {
        const Json error =
            error_object(Code::kInvalidRequest, "Batch of more than " + std::to_string(kBatchMax));
        return json_response(400, answer_of({}, nullptr, error));
    }
    // A batch is answered as text right away: its answers together may be large.
    std::string text = "[";
    for (const Json& request : batch) {
        const Json one = answer(request, wallet).first;
        if (one.is_null()) continue;
        if (text.size() > 1) text += ',';
        text += write_json(one);
    }
    if (text.size() == 1 && !batch.empty()) return {204, {}, "", {}, 0};
    return {200, {{"Content-Type", "application/json"}}, text + "]\n", {}, 0};
}

http::Response Service::Impl::answer_body(const std::string& body, const std::string& wallet) {
    const auto parsed = parse_json(body);
    if (!parsed) {
        const Json error = error_object(Code::kParse, "Parse error: " + parsed.error());
        return json_response(500, answer_of({}, nullptr, error));
    }
    if (parsed->is_array()) return answer_batch(*parsed, wallet);
    if (!parsed->is_object()) {
        const Json error = error_object(Code::kParse, "Top-level object parse error");
        return json_response(500, answer_of({}, nullptr, error));
    }
    const auto [one, status] = answer(*parsed, wallet);
    if (one.is_null()) return {204, {}, "", {}, 0};
    return json_response(status, one);
}

Service::Service(std::vector<std::string> credentials) : impl_{std::make_unique<Impl>()} {
    impl_->credentials = std::move(credentials);
}
Service::~Service() = default;

void Service::set_warmup_status(std::string status) {
    const std::lock_guard lock{impl_->mutex};
    impl_->warmup_status = std::move(status);
}

void Service::ready(Context& context) {
    const std::lock_guard lock{impl_->mutex};
    impl_->context = &context;
}

http::Response Service::handle(const http::Request& request) {
    if (request.method != "POST") return text_response(405, "JSONRPC server handles only POST requests\n");
    const auto wallet = wallet_of(request.target);
    if (!wallet) return text_response(404, "Not found\n");
    const auto authorization = http::find_header(request.headers, "Authorization");
    if (!authorization || !is_authorized(*authorization, impl_->credentials)) {
        auto refusal = text_response(401, "");
        refusal.headers.emplace_back("WWW-Authenticate", "Basic realm=\"jsonrpc\"");
        if (authorization) {
            log(LogLevel::kWarning, "rpc", "wrong password from " + request.peer_address);
            refusal.delay_ms = kAuthFailureDelayMs;
        }
        return refusal;
    }
    return impl_->answer_body(request.body, *wallet);
}

}  // namespace daidd::rpc
