#include "tools/cli.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "inference/logprob.h"
#include "tools/commands.h"
#include "training/vector_index.h"

namespace daidd::tools {
namespace {

/// Bitcoin Core's manners: a long option may have one dash.
std::vector<std::string> arguments_of(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (auto& argument : arguments) {
        if (argument.size() > 2 && argument[0] == '-' && std::isalpha(uint8_t(argument[1]))) {
            argument.insert(0, "-");
        }
    }
    std::ranges::reverse(arguments);  // as CLI11 takes them
    return arguments;
}

struct Commands {
    ConvertArguments convert;
    InspectArguments inspect;
    RunArguments run;
    EvalArguments eval;
    EmbedArguments embed;
    IndexArguments index;
    SearchArguments search;
    TokenizeArguments tokenize;
    BenchArguments bench;
    DevicesArguments devices;
    ChainSpecArguments chain_spec;
};

void add_convert(CLI::App& app, Commands& commands) {
    auto* convert = app.add_subcommand("convert", "A model to integers; the same numbers give the same bits");
    convert
        ->add_option("source", commands.convert.source, "GGUF file, or Hugging Face directory (safetensors)")
        ->required();
    convert->add_option("target", commands.convert.target, "integer model file to write")->required();
    // By hand: CLI11 shows the numbers of an enumeration, which are no text.
    const auto set_precision = [&commands](const std::string& name) {
        commands.convert.precision = name == "exact" ? import::Precision::kExact : import::Precision::kFast;
    };
    convert->add_option_function<std::string>("--precision", set_precision, "fast (default) or exact")
        ->check(CLI::IsMember({"fast", "exact"}));
    convert->add_option("--threads", commands.convert.threads)->check(CLI::Range(1, 64));
}

void add_sampler(CLI::App& run, RunArguments& arguments) {
    SamplerArguments& sampler = arguments.sampler;
    run.add_option("--temperature,--temp", sampler.temperature, "0 (default): greedy; at most 256");
    run.add_option("--seed", sampler.seed);
    run.add_option("--top-k", sampler.top_k, "0 (default): all")->check(CLI::Range(0, 1 << 20));
    run.add_option("--top-p", sampler.top_p, "1 (default): all");
    run.add_option("--min-p", sampler.min_p, "0 (default): all");
    run.add_option("--repeat-penalty", sampler.repeat_penalty, "1 (default): none");
    run.add_option("--repeat-last-n", sampler.repeat_last, "tokens that it looks back at")
        ->check(CLI::Range(uint32_t{0}, inference::kRepeatLastMax));
    run.add_option("--presence-penalty", sampler.presence_penalty, "-2 to 2, 0 (default): none");
    run.add_option("--frequency-penalty", sampler.frequency_penalty, "-2 to 2, 0 (default): none");
    run.add_option("--logit-bias", sampler.logit_bias, "TOKEN:BIAS, -100 to 100; may be repeated");
    run.add_option("--stop", sampler.stop, "the answer ends before this text; may be repeated");
    run.add_option("--grammar", sampler.grammar, "file in GBNF: the answer is one of its texts");
    run.add_option("--json-schema", sampler.json_schema, "file: the answer is JSON of this schema");
    run.add_option("--logprobs", arguments.logprobs, "with -json: that many of the likeliest tokens")
        ->check(CLI::Range(uint32_t{0}, inference::kTopLogprobsMax));
}

void add_run(CLI::App& app, Commands& commands) {
    auto* run = app.add_subcommand("run", "Answers a prompt");
    run->add_option("model", commands.run.model, "integer model file")->required();
    run->add_option("--prompt", commands.run.prompt, "what the user says")->required();
    run->add_option("--max-tokens", commands.run.max_tokens)->check(CLI::Range(1, 100'000));
    run->add_option("--backend", commands.run.backend, "scalar, avx2, avxvnni, avx512 or amx");
    run->add_option("--threads", commands.run.threads)->check(CLI::Range(1, 64));
    run->add_flag("--raw", commands.run.raw, "the prompt as it is, without the chat template");
    run->add_flag("--json", commands.run.json, "{text, tokens, prompt_tokens, stop, trace_root}");
    add_sampler(*run, commands.run);
}

void add_eval(CLI::App& app, Commands& commands) {
    auto* eval = app.add_subcommand(
        "eval", "Perplexity of a text, in whole windows, or the share of questions answered rightly");
    eval->add_option("model", commands.eval.model, "integer model file")->required();
    eval->add_option("text", commands.eval.text, "text file")->required();
    eval->add_option("--window", commands.eval.window)->check(CLI::Range(2, 100'000));
    eval->add_option("--max-windows", commands.eval.windows_max, "0 (default): all");
    eval->add_option("--backend", commands.eval.backend, "scalar, avx2, avxvnni, avx512 or amx");
    eval->add_option("--threads", commands.eval.threads)->check(CLI::Range(1, 64));
    auto* logits = eval->add_option("--logits", commands.eval.logits,
                                    "file or pipe for the logits: int32 with the model's fx fraction bits, a "
                                    "row of the vocabulary's size for each predicted token");
    eval->add_flag(
            "--choices", commands.eval.choices,
            R"(the text is a question a line: {"context": text, "choices": [text, ...], "answer": index})")
        ->excludes(logits);
    eval->add_flag("--json", commands.eval.json,
                   "{tokens, nll, perplexity, loss, predicted, model_root, corpus_root, commitment}, or of "
                   "choices {questions, right, model_root, questions_root, commitment}");
}

void add_tokenize(CLI::App& app, Commands& commands) {
    auto* tokenize = app.add_subcommand("tokenize", "Token ids of a text file, as JSON");
    tokenize->add_option("model", commands.tokenize.model, "any GGUF file with a tokenizer")->required();
    tokenize->add_option("text", commands.tokenize.text, "text file")->required();
    auto* chat =
        tokenize->add_flag("--chat", commands.tokenize.chat, "as a user's message in the chat template");
    tokenize->add_flag("--whole", commands.tokenize.whole, "with the tokens that begin and close a text")
        ->excludes(chat);
    tokenize->add_flag("--lines", commands.tokenize.lines, "each line of the text apart, a list a line");
    tokenize->add_flag("--null", commands.tokenize.null, "as --lines, but a zero byte ends a line");
    tokenize->add_flag("--decode", commands.tokenize.decode,
                       "the bytes that the tokens stand for, not their ids");
}

template <class Arguments>
void add_machine(CLI::App* command, Arguments& arguments) {
    command->add_option("--backend", arguments.backend, "scalar, avx2, avxvnni, avx512 or amx");
    command->add_option("--threads", arguments.threads)->check(CLI::Range(1, 64));
}

void add_embeddings(CLI::App& app, Commands& commands) {
    constexpr const char* kParagraphs =
        "texts end at empty lines, not at every line; those too long for the model are cut at ends of lines";
    constexpr const char* kModel = "integer model file: an encoder, or any other at a loss of quality";
    auto* embed = app.add_subcommand("embed", "The directions of texts: near ones mean alike");
    embed->add_option("model", commands.embed.model, kModel)->required();
    auto* text = embed->add_option("--text", commands.embed.text, "one text");
    embed->add_option("--file", commands.embed.file, "a text a line of a file, or of all files of a folder")
        ->excludes(text);
    embed->add_flag("--paragraphs", commands.embed.paragraphs, kParagraphs);
    add_machine(embed, commands.embed);
    embed->add_flag("--json", commands.embed.json, "{model_root, embeddings}");

    auto* index = app.add_subcommand("index", "Makes texts searchable by what they mean");
    index->add_option("model", commands.index.model, kModel)->required();
    index->add_option("source", commands.index.source, "a text a line of a file, or of all files of a folder")
        ->required();
    index->add_option("target", commands.index.target, "index file to write")->required();
    index->add_flag("--paragraphs", commands.index.paragraphs, kParagraphs);
    add_machine(index, commands.index);
    index->add_flag("--json", commands.index.json, "{rows, width, model_root, index_root}");

    auto* search =
        app.add_subcommand("search", "The texts of an index that are nearest to one, all compared");
    search->add_option("model", commands.search.model, "the model that made the index")->required();
    search->add_option("index", commands.search.index, "index file")->required();
    search->add_option("--text", commands.search.text, "what to look for")->required();
    search->add_option("--source", commands.search.source,
                       "what was indexed: shows the texts, not their ids");
    search->add_flag("--paragraphs", commands.search.paragraphs, "as it was indexed");
    search->add_option("--count", commands.search.count, "most texts to show")
        ->check(CLI::Range(1u, training::kHitsMax));
    search->add_option("--check", commands.search.check,
                       "a file with what -json printed, by anybody: whether it is right");
    add_machine(search, commands.search);
    search->add_flag("--json", commands.search.json, "{index_root, hits, result, commitment}");
}

void add_others(CLI::App& app, Commands& commands) {
    auto* inspect = app.add_subcommand("inspect", "Shapes, operations and roots of a model");
    inspect->add_option("model", commands.inspect.model, "integer model file")->required();
    inspect->add_option("--unit", commands.inspect.unit_tokens, "tokens of a unit: the root depends on it")
        ->check(CLI::Range(16, 32'768));
    inspect->add_flag("--json", commands.inspect.json, "the same lines as one object");

    auto* bench = app.add_subcommand("bench", "Speed of this machine");
    bench->add_option("model", commands.bench.model, "integer model file")->required();
    bench->add_option("--threads", commands.bench.threads)->check(CLI::Range(1, 64));
    bench->add_option("--batch", commands.bench.batch, "also the speed of so many answers at once")
        ->check(CLI::Range(1u, kBenchBatchMax));
    bench->add_option("--backend", commands.bench.backend, "scalar, avx2, avxvnni, avx512 or amx");
    bench->add_option("--device", commands.bench.device, "opencl:N or cuda:N, as `devices` lists them");
    bench->add_option("--prompt", commands.bench.prompt_tokens, "tokens of the prompt and of the mined unit")
        ->check(CLI::Range(16, 4096));
    bench->add_flag("--speed-only", commands.bench.speed_only, "no mining pass");
    bench->add_flag("--json", commands.bench.json, "the same lines as one object");

    auto* devices = app.add_subcommand("devices", "Accelerators, and whether they compute the right bits");
    devices->add_flag("--json", commands.devices.json, "[{id, name, driver, memory_bytes, self_test}]");

    auto* spec =
        app.add_subcommand("chainspec", "A chain spec whose base model is this one, for daidd -chain=FILE");
    spec->add_option("model", commands.chain_spec.model, "integer model file")->required();
    spec->add_option("--name", commands.chain_spec.name, "of the network");
    spec->add_option("--unit", commands.chain_spec.unit_tokens, "tokens of a unit")
        ->check(CLI::Range(16, 32'768));

    for (const char* name : {"train", "verify"}) {
        app.add_subcommand(name, "not available in this version")->allow_extras();
    }
}

Outcome dispatch(const std::string& name, const Commands& commands) {
    if (name == "convert") return convert(commands.convert);
    if (name == "inspect") return inspect(commands.inspect);
    if (name == "run") return run(commands.run);
    if (name == "eval") return eval(commands.eval);
    if (name == "embed") return embed(commands.embed);
    if (name == "index") return index(commands.index);
    if (name == "search") return search(commands.search);
    if (name == "tokenize") return tokenize(commands.tokenize);
    if (name == "bench")
        return commands.bench.device.empty() ? bench(commands.bench) : bench_device(commands.bench);
    if (name == "devices") return devices(commands.devices);
    if (name == "chainspec") return chain_spec(commands.chain_spec);
    return "'" + name + "' is not available in this version";
}

}  // namespace

int run_cli(int argc, char** argv) {
    CLI::App app{"dai-model: convert, inspect, run and measure integer models", "dai-model"};
    app.require_subcommand(0, 1);
    Commands commands;
    add_convert(app, commands);
    add_run(app, commands);
    add_eval(app, commands);
    add_embeddings(app, commands);
    add_tokenize(app, commands);
    add_others(app, commands);
    try {
        app.parse(arguments_of(argc, argv));
        // Not left to CLI11, which would say this of an unknown command too, without its name.
        if (app.get_subcommands().empty()) throw CLI::RequiredError::Subcommand(1);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 1;
    }
    const auto error = dispatch(app.get_subcommands()[0]->get_name(), commands);
    if (!error) return 0;
    std::cerr << "dai-model: " << *error << "\n";
    return 1;
}

}  // namespace daidd::tools
