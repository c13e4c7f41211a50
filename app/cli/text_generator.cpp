#include "app/cli/text_generator.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/base/error.h"
#include "core/base/stopwatch.h"
#include "core/deploy/decode.h"
#include "core/session/memory_needs.h"
#include "core/session/model_catalogue.h"
#include "core/text/utf8.h"

namespace tessera::cli {

namespace fs = std::filesystem;

struct TextGenerator::Loaded {
    std::string key;
    std::shared_ptr<const Tokenizer> tokenizer;
    PackedModel packed;
};

namespace {

/// A dense model and the pruned one beside it.
constexpr std::size_t kKept = 2;

/// A file by what changes where it is replaced.
std::string keyOf(const fs::path& file) {
    return file.string() + '\n' + std::to_string(fs::file_size(file)) + '\n' +
           std::to_string(fs::last_write_time(file).time_since_epoch().count());
}

/// A model replaced on disk, another mask or another packing is another model.
std::string keyOf(const ModelFiles& files, const std::optional<fs::path>& masks, const Packing& packing) {
    auto key = files.path().string() + '\n' + files.fingerprint() + '\n' +
               std::to_string(static_cast<int>(packing.values)) +
               std::to_string(static_cast<int>(packing.head));
    if (masks) key += '\n' + keyOf(*masks);
    return key;
}

}  // namespace

TextGenerator::TextGenerator() = default;
TextGenerator::~TextGenerator() = default;

std::shared_ptr<const TextGenerator::Loaded> TextGenerator::found(const std::string& key) {
    const auto at = std::find_if(m_loaded.begin(), m_loaded.end(),
                                 [&](const auto& loaded) { return loaded->key == key; });
    if (at == m_loaded.end()) return nullptr;
    auto loaded = *at;
    m_loaded.erase(at);
    m_loaded.push_front(loaded);
    return loaded;
}

void TextGenerator::keep(std::shared_ptr<const Loaded> loaded) {
    while (m_loaded.size() >= kKept) m_loaded.pop_back();
    m_loaded.push_front(std::move(loaded));
}

std::shared_ptr<const TextGenerator::Loaded> TextGenerator::loadContainer(
    const fs::path& path, const PackingOptions& options, const std::function<void(const Event&)>& tell) {
    const PackedContainer container(path);
    options.requireThoseOf(container);
    const auto key = keyOf(path);
    if (auto known = found(key)) return known;
    tell(makeEvent("phase", {{"phase", "load"}}));
    auto loaded = std::make_shared<Loaded>();
    loaded->key = key;
    loaded->tokenizer = container.tokenizer();
    loaded->packed = container.model();
    keep(loaded);
    return loaded;
}

std::shared_ptr<const TextGenerator::Loaded> TextGenerator::load(
    const std::string& model, const std::string& masks, const PackingOptions& options,
    const std::function<void(const Event&)>& tell, const Cancellation& cancellation) {
    if (ContainerFile::is(model)) {
        if (!masks.empty())
            throw Error(ErrorCode::InvalidInput, "a packed container has its mask in it and takes no other",
                        masks, {{"leave --masks out, or name the model instead of the container", "", ""}});
        return loadContainer(model, options, tell);
    }
    const auto packing = options.packing(Layout::Sparse);
    const auto resolved = resolveModel(model);
    const auto files = ModelFiles::open(resolved.path, resolved.weights);
    const auto masksFile = masks.empty() ? resolved.masks : std::optional(fs::path(masks));
    // Read before the key is made: what is wrong with the file is said by its reader.
    std::optional<MaskSet> read;
    if (masksFile && !fs::is_regular_file(*masksFile)) read = readMasks(*masksFile);
    const auto key = keyOf(files, masksFile, packing);
    if (auto known = found(key)) return known;
    tell(makeEvent("phase", {{"phase", "load"}}));
    if (masksFile && !read) read = readMasks(*masksFile);
    while (m_loaded.size() >= kKept) m_loaded.pop_back();
    try {
        requireMemoryToRead("generate", files.config(), 2, model);
    } catch (const Error&) {
        if (m_loaded.empty()) throw;
        m_loaded.clear();
        requireMemoryToRead("generate", files.config(), 2, model);
    }
    auto loaded = std::make_shared<Loaded>();
    loaded->key = key;
    loaded->tokenizer = loadTokenizer(files);
    loaded->packed = PackedModel::load(files, read ? &*read : nullptr, packing, &cancellation);
    keep(loaded);
    return loaded;
}

Json TextGenerator::generate(const Json& request, const std::function<void(const Event&)>& tell,
                             const Cancellation& cancellation) {
    const auto text = [&](const char* key) {
        return request.contains(key) && request[key].is_string() ? request[key].get<std::string>()
                                                                 : std::string();
    };
    const auto number = [&](const char* key, double fallback) {
        return request.contains(key) && request[key].is_number() ? request[key].get<double>() : fallback;
    };
    const auto flag = [&](const char* key) {
        return request.contains(key) && request[key].is_boolean() && request[key].get<bool>();
    };
    Stopwatch watch;
    const auto loaded =
        load(text("model"), text("masks"), {text("values"), text("head")}, tell, cancellation);
    const double loadSeconds = watch.restart();
    const auto& tokenizer = *loaded->tokenizer;
    DecodeSession session(loaded->packed, static_cast<int>(number("threads", 0)));
    GenerateRequest generating;
    generating.prompt = tokenizer.encode(text("prompt"));
    if (tokenizer.addsBos() && tokenizer.bosToken() >= 0)
        generating.prompt.insert(generating.prompt.begin(), tokenizer.bosToken());
    generating.tokens = static_cast<std::int64_t>(number("tokens", 64));
    generating.seed = request.contains("seed") && request["seed"].is_number_integer()
                          ? request["seed"].get<std::uint64_t>()
                          : 0;
    generating.temperature = number("temperature", 0.8);
    generating.greedy = flag("greedy");
    generating.ignoreEnd = flag("ignore_eos");
    generating.endToken = tokenizer.eosToken();
    generating.cancellation = &cancellation;
    Utf8Stream characters;
    std::string written;
    bool decoding = false;
    generating.onToken = [&](std::int32_t id) {
        if (!decoding) tell(makeEvent("phase", {{"phase", "decode"}}));
        decoding = true;
        const auto piece = tokenizer.piece(id);
        written += piece;
        tell(makeEvent("token", {{"id", id}, {"text", characters.take(piece)}}));
    };
    tell(makeEvent("phase", {{"phase", "prompt"}}));
    const auto generated = tessera::generate(session, generating);
    if (const auto rest = characters.rest(); !rest.empty()) tell(makeEvent("token", {{"text", rest}}));
    return {{"text", written},
            {"ids", generated.ids},
            {"tokens_per_second", generated.tokensPerSecond()},
            {"kernel", kernelName(loaded->packed)},
            {"prompt_tokens", generating.prompt.size()},
            {"prompt_seconds", generated.promptSeconds},
            {"load_seconds", loadSeconds}};
}

}  // namespace tessera::cli
