#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/formats/safetensors.h"
#include "support/gguf_writer.h"

/// Files that break a promise of their format, each in one way.
namespace tessera::test {

namespace fs = std::filesystem;

inline const fs::path kStarter = fs::path(TESSERA_SOURCE_DIR) / "resources" / "starter";

inline void put(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

/// The starter's folder by links, without the file that the caller writes itself.
inline fs::path starterWithout(const fs::path& folder, const std::string& file) {
    fs::create_directories(folder);
    for (const auto* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
        if (name != file) fs::create_symlink(kStarter / name, folder / name);
    return folder / file;
}

inline std::string nested() {
    return std::string(100000, '[') + std::string(100000, ']');
}

template <typename T>
std::string raw(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string safetensors(const std::string& header, std::size_t data = 0) {
    return raw<std::uint64_t>(header.size()) + header + std::string(data, '\0');
}

inline std::string gguf(std::uint64_t tensors, std::uint64_t keys) {
    return "GGUF" + raw<std::uint32_t>(3) + raw(tensors) + raw(keys);
}

inline std::string ggufText(const std::string& text) {
    return raw<std::uint64_t>(text.size()) + text;
}

/// A list of 2^40 strings in a file of a hundred bytes.
inline std::string ggufOfManyStrings() {
    return gguf(0, 1) + ggufText("tokenizer.ggml.tokens") + raw<std::uint32_t>(9) + raw<std::uint32_t>(8) +
           raw(std::uint64_t(1) << 40) + std::string(64, '\0');
}

/// Its one tensor ends behind the file.
inline std::string ggufCutOff() {
    return gguf(1, 0) + ggufText("token_embd.weight") + raw<std::uint32_t>(1) + raw<std::uint64_t>(4096) +
           raw<std::uint32_t>(0) + raw<std::uint64_t>(0) + std::string(64, '\0');
}

/// Two tensors of 32 bytes that begin 16 bytes apart.
inline std::string ggufOverlapping() {
    std::string file = gguf(2, 0);
    for (const auto& [name, offset] : {std::pair{"a", 0}, {"b", 16}})
        file += ggufText(name) + raw<std::uint32_t>(1) + raw<std::uint64_t>(8) + raw<std::uint32_t>(0) +
                raw<std::uint64_t>(static_cast<std::uint64_t>(offset));
    return file + std::string(96, '\0');
}

/// The starter with one weight of this tensor not a number.
inline void putNotANumber(const fs::path& folder, const std::string& tensor) {
    auto bytes = readFile(kStarter / "model.safetensors");
    const auto file = SafetensorsFile::open(kStarter / "model.safetensors");
    const std::uint16_t nan = 0x7fc0;
    std::memcpy(bytes.data() + file->at(tensor).offset + 200, &nan, sizeof nan);
    put(starterWithout(folder, "model.safetensors"), bytes);
}

/// A model of 130 GB and more, consistent in all but that its weights are a hole in the file. False where the
/// file system has no such files.
inline bool putVastModel(const fs::path& folder) {
    auto config = readJsonFile(kStarter / "config.json");
    const std::int64_t hidden = 8192, inner = 28672, layers = 80, dim = 128, heads = 64, kvHeads = 8;
    config.update({{"hidden_size", hidden},
                   {"intermediate_size", inner},
                   {"num_hidden_layers", layers},
                   {"head_dim", dim},
                   {"num_attention_heads", heads},
                   {"num_key_value_heads", kvHeads}});
    put(starterWithout(folder, "config.json"), config.dump());
    Json header = Json::object();
    std::uint64_t at = 0;
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
        std::uint64_t bytes = 2;
        for (const auto size : shape) bytes *= static_cast<std::uint64_t>(size);
        header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {at, at + bytes}}};
        at += bytes;
    };
    add("model.embed_tokens.weight", {config["vocab_size"].get<std::int64_t>(), hidden});
    add("model.norm.weight", {hidden});
    for (std::int64_t i = 0; i < layers; ++i) {
        const auto prefix = "model.layers." + std::to_string(i) + ".";
        add(prefix + "input_layernorm.weight", {hidden});
        add(prefix + "post_attention_layernorm.weight", {hidden});
        add(prefix + "self_attn.q_proj.weight", {heads * dim, hidden});
        for (const auto* name : {"k", "v"})
            add(prefix + "self_attn." + name + "_proj.weight", {kvHeads * dim, hidden});
        add(prefix + "self_attn.o_proj.weight", {hidden, heads * dim});
        add(prefix + "mlp.gate_proj.weight", {inner, hidden});
        add(prefix + "mlp.up_proj.weight", {inner, hidden});
        add(prefix + "mlp.down_proj.weight", {hidden, inner});
    }
    const auto file = folder / "model.safetensors";
    fs::remove(file);
    put(file, safetensors(header.dump()));
    std::error_code failed;
    fs::resize_file(file, fs::file_size(file) + at, failed);
    return !failed;
}

/// One of each kind.
inline void putBadFiles(const fs::path& files) {
    const auto weights = readFile(kStarter / "model.safetensors");
    const auto weightsOf = [&](const char* name, const std::string& bytes) {
        put(starterWithout(files / name, "model.safetensors"), bytes);
    };
    weightsOf("cut", weights.substr(0, 1000000));
    weightsOf("header63", raw(std::uint64_t(1) << 63) + "{}");
    weightsOf("overlap", safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                     R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                                     12));
    weightsOf("deepheader", safetensors(nested()));
    // A name that would write lines and colours of its own to a terminal.
    weightsOf("rude", safetensors("{\"a\\n\\u001b[31mtessera-cli: fine\":{\"dtype\":\"F32\"}}"));
    put(starterWithout(files / "deepconfig", "config.json"), nested());
    put(starterWithout(files / "deeptokenizer", "tokenizer.json"), nested());
    auto tokenizer = readJsonFile(kStarter / "tokenizer.json");
    tokenizer["model"].erase("merges");
    put(starterWithout(files / "nomerges", "tokenizer.json"), tokenizer.dump());
    putNotANumber(files / "nan", "model.layers.3.mlp.up_proj.weight");
    put(files / "strings.gguf", ggufOfManyStrings());
    put(files / "keys.gguf", gguf(0, std::uint64_t(1) << 40));
    put(files / "tensors.gguf", gguf(std::uint64_t(1) << 40, 0));
    put(files / "cut.gguf", ggufCutOff());
    put(files / "overlap.gguf", ggufOverlapping());
    GgufWriter vocabulary;
    vocabulary.text("tokenizer.ggml.model", "gpt2");
    vocabulary.texts("tokenizer.ggml.tokens", {"a", "b", "ab"});
    put(files / "nomerges.gguf", vocabulary.bytes());
    put(files / "cuthead.gguf", gguf(1, 1) + raw<std::uint64_t>(3) + "ab");
    put(files / "deep.json", nested());
}

}  // namespace tessera::test
