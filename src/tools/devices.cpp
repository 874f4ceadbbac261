#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "device/device_model.h"
#include "device/devices.h"
#include "inference/forward.h"
#include "tools/commands.h"
#include "tools/model_file.h"
#include "work/project_corpus.h"

namespace daidd::tools {

using namespace inference;
using nlohmann::ordered_json;

namespace {

ordered_json listed() {
    ordered_json list = ordered_json::array();
    for (const device::DeviceInfo& info : device::list_devices()) {
        const auto opened = device::open_device(info.id);
        list.push_back({{"id", info.id},
                        {"name", info.name},
                        {"driver", info.driver},
                        {"memory_bytes", info.memory_bytes},
                        {"self_test", opened ? "passed" : opened.error()}});
    }
    return list;
}

}  // namespace

Outcome devices(const DevicesArguments& arguments) {
    try {
        std::cout << (arguments.json ? listed().dump() + "\n" : device::describe_devices());
    } catch (const device::DeviceFailure& failure) {
        return std::string{"devices: "} + failure.what();
    }
    return std::nullopt;
}

namespace {

double seconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Measured {
    double prefill_s = 0, decode_s = 0;
    BigVector<int32_t> logits;  ///< after the last token
};

Measured measure(device::DeviceModel& model, std::span<const uint32_t> text, uint32_t prompt_tokens) {
    device::DeviceSequence sequence = model.make_sequence(uint32_t(text.size()));
    Measured out;
    out.prefill_s = seconds_of([&] { (void)model.forward(sequence, text.first(prompt_tokens)); });
    out.decode_s = seconds_of([&] {
        for (const uint32_t token : text.subspan(prompt_tokens)) {
            out.logits = *model.forward(sequence, std::span{&token, 1});
        }
    });
    return out;
}

}  // namespace

Outcome bench_device(const BenchArguments& arguments) {
    const auto opened = device::open_device(arguments.device);
    if (!opened) return opened.error();
    const auto loaded = load_model(arguments.model, best_backend());
    if (!loaded) return loaded.error();
    const uint32_t positions = arguments.prompt_tokens + arguments.decode_tokens;
    auto text = loaded->tokenizer.encode(work::project_corpus().substr(0, 8192));
    if (positions > loaded->model.dimensions().context || text.size() < positions) {
        return "model: its context or its vocabulary leaves too little of the benchmark's text";
    }
    text.resize(positions);
    try {
        auto model = device::DeviceModel::upload(*opened, loaded->model);
        if (!model) return arguments.device + ": " + model.error();
        (void)measure(*model, text, arguments.prompt_tokens);  // drivers compile and allocate at first use
        const Measured measured = measure(*model, text, arguments.prompt_tokens);
        Sequence sequence{loaded->model, positions};
        if (measured.logits != *forward(loaded->model, best_backend(), sequence, text)) {
            return arguments.device + ": its logits differ from this processor's";
        }
        const ordered_json json{{"device", arguments.device},
                                {"name", (*opened)->info().name},
                                {"prefill_tokens_per_s", arguments.prompt_tokens / measured.prefill_s},
                                {"decode_tokens_per_s", arguments.decode_tokens / measured.decode_s}};
        if (arguments.json) {
            std::cout << json.dump() << "\n";
            return std::nullopt;
        }
        for (const auto& [key, value] : json.items()) {
            std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
        }
    } catch (const device::DeviceFailure& failure) {
        return arguments.device + ": " + failure.what();
    }
    return std::nullopt;
}

}  // namespace daidd::tools
