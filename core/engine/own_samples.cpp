#include "core/engine/own_samples.h"

#include <algorithm>
#include <fstream>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/split_mix.h"
#include "core/base/stopwatch.h"
#include "core/engine/learn_settings.h"
#include "core/model/text_sampler.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

/// Counters of the openings are apart from those of the tokens behind them.
constexpr std::uint64_t kOpenings = 0x6F70656E696E6773ull;

fs::path samplesPath(const RunContext& context) {
    return context.directory->path() / "own_samples.jsonl";
}

/// Tokens that stand for some text: not special ones, nor rows of the embedding that have no token.
std::vector<std::int32_t> ordinaryTokens(const Tokenizer& tokenizer) {
    std::vector<std::int32_t> tokens;
    for (std::int32_t id = 0; id < tokenizer.vocabSize(); ++id)
        if (!tokenizer.decode(std::span(&id, 1), true).empty()) tokens.push_back(id);
    if (tokens.empty())
        throw Error(ErrorCode::InvalidInput, "the tokenizer has no token that stands for text", "own_samples",
                    {{"learn from a text: --set own_samples=0", "own_samples", "0"}});
    return tokens;
}

/// The texts that a process before this one has kept.
std::vector<std::int32_t> keptSamples(const fs::path& file, std::int64_t length, std::int64_t vocabulary) {
    std::vector<std::int32_t> ids;
    if (!fs::exists(file)) return ids;
    std::ifstream in(file);
    std::string line;
    for (std::int64_t number = 1; std::getline(in, line); ++number) {
        const auto where = file.string() + ", line " + std::to_string(number);
        const auto json = parseJson(line, where);
        const auto refuse = [&] {
            throw Error(ErrorCode::Corrupt, "this is no text of the model's own", where,
                        {{"remove this file; 'tessera-cli resume' then has it written again", "", ""}});
        };
        const auto found = json.find("ids");
        if (found == json.end() || !found->is_array() || found->size() != static_cast<std::size_t>(length))
            refuse();
        for (const auto& id : *found) {
            if (!id.is_number_integer()) refuse();
            const auto value = id.get<std::int64_t>();
            if (value < 0 || value >= vocabulary) refuse();
            ids.push_back(static_cast<std::int32_t>(value));
        }
    }
    return ids;
}

std::string asLines(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, std::int64_t length) {
    std::string lines;
    const auto step = static_cast<std::size_t>(length);
    for (std::size_t begin = 0; begin + step <= ids.size(); begin += step) {
        const auto text = std::span(ids).subspan(begin, step);
        Json list = Json::array();
        for (const auto id : text) list.push_back(id);
        // A text may end within a character.
        lines += Json{{"text", tokenizer.decode(text, true)}, {"ids", list}}.dump(
                     -1, ' ', false, Json::error_handler_t::replace) +
                 "\n";
    }
    return lines;
}

}  // namespace

std::int64_t ownTextLength(const ModelConfig& config, const ExperimentSpec& spec) {
    return windowLength(spec, config, methodNamed(spec.method).learns ? "context" : "calibration_context");
}

std::int64_t ownTexts(const ModelConfig& config, const ExperimentSpec& spec) {
    if (!spec.writesText()) return 0;
    const auto length = ownTextLength(config, spec);
    const auto whole = [&](std::int64_t tokens) { return (tokens + length - 1) / length; };
    auto texts = std::max<std::int64_t>(1, whole(spec.set.integer("own_tokens")));
    // What calibrates alone reads a text a window, and no more; a prior's window may be longer than a text.
    if (!methodNamed(spec.method).learns) texts = std::min(texts, spec.set.integer("calibration_windows"));
    if (spec.calibrates()) texts = std::max(texts, whole(windowLength(spec, config, "calibration_context")));
    return texts;
}

std::int64_t textsAtOnce(const ModelConfig& config, const ExperimentSpec& spec) {
    const double element = spec.dtype == "f32" ? 4 : 2;
    const double one = samplingBytes(config, 1, ownTextLength(config, spec), element);
    const auto fitting = static_cast<std::int64_t>(0x1p30 / std::max(1.0, one));
    return std::clamp<std::int64_t>(fitting, 1, std::min<std::int64_t>(64, ownTexts(config, spec)));
}

std::vector<std::int32_t> mixedText(const std::vector<std::int32_t>& own,
                                    const std::vector<std::int32_t>& read, double share,
                                    std::int64_t length) {
    auto mixed = own;
    if (share >= 1) return mixed;
    const auto all = static_cast<std::int64_t>(read.size()) / length;
    const auto wanted = static_cast<double>(own.size()) * (1 - share) / share / static_cast<double>(length);
    const auto windows = static_cast<std::int64_t>(std::min(static_cast<double>(all), wanted + 0.5));
    for (std::int64_t w = 0; w < windows; ++w) {
        const auto begin = read.begin() + all * w / windows * length;
        mixed.insert(mixed.end(), begin, begin + length);
    }
    return mixed;
}

void writeOwnSamples(RunContext& context) {
    const auto& config = context.files->config();
    const auto length = ownTextLength(config, context.spec), texts = ownTexts(config, context.spec);
    if (texts == 0) return;
    const auto file = samplesPath(context);
    auto ids = keptSamples(file, length, config.vocabSize);
    auto done = std::min(texts, static_cast<std::int64_t>(ids.size()) / length);
    if (done < texts) {
        const auto timer = context.phase("sample");
        // What comes next reads the model block by block: it is not needed whole until learning begins.
        const auto decoder = Decoder::load(*context.files, context.dtype());
        const auto openings = ordinaryTokens(*context.tokenizer);
        const auto batch = textsAtOnce(config, context.spec);
        Stopwatch sinceSaid;
        const auto say = [&](std::int64_t tokens) {
            sinceSaid.restart();
            context.emit("step", {{"unit", "token"}, {"step", tokens}, {"steps", texts * length}});
        };
        say(done * length);
        while (done < texts) {
            SamplingRequest request;
            if (context.tokenizer->addsBos() && context.tokenizer->bosToken() >= 0)
                request.beginning = {context.tokenizer->bosToken()};
            for (auto text = done; text < std::min(texts, done + batch); ++text) {
                const auto noise = samplingNoise(context.spec.seed ^ kOpenings, text, 0);
                request.openings.push_back(
                    openings[static_cast<std::size_t>(noise * static_cast<double>(openings.size()))]);
            }
            request.length = length;
            request.vocabulary = context.tokenizer->vocabSize();
            request.seed = context.spec.seed;
            request.first = done;
            request.progress = [&](std::int64_t position) {
                context.stopPoint();
                if (position > 0 && sinceSaid.seconds() >= 1)
                    say(done * length + position * static_cast<std::int64_t>(request.openings.size()));
            };
            const auto sampled = sampleTexts(decoder, request).contiguous();
            const auto* values = sampled.data_ptr<std::int64_t>();
            ids.insert(ids.end(), values, values + sampled.numel());
            done += static_cast<std::int64_t>(request.openings.size());
            writeFileAtomically(file, asLines(*context.tokenizer, ids, length));
            say(done * length);
            context.stopPoint();
        }
    }
    ids.resize(static_cast<std::size_t>(texts * length));
    useOwnSamples(context, std::move(ids));
    context.log("learning text: " + std::to_string(context.own.size()) + " tokens by the model itself, " +
                std::to_string(context.learn.size() - context.own.size()) + " of the text that was read");
}

void useOwnSamples(RunContext& context, std::vector<std::int32_t> ids) {
    if (ids.empty()) return;
    context.own = std::move(ids);
    context.learn = mixedText(context.own, context.learn, context.spec.set.real("own_samples"),
                              ownTextLength(context.files->config(), context.spec));
}

}  // namespace tessera
