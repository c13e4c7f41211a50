#include "core/formats/text_part.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/formats/tensor_view.h"

namespace tessera {

namespace {

/// What stands before the names of the text's tensors, and what takes its place.
constexpr std::pair<const char*, const char*> kPrefixes[] = {
    {"language_model.", ""}, {"model.language_model.", "model."}, {"lm_head.", "lm_head."}};

}  // namespace

Json textPartOf(Json config) {
    if (!config.is_object() || config.value("model_type", Json()) != "gemma3") return config;
    const auto found = config.find("text_config");
    if (found == config.end() || !found->is_object()) return config;
    Json text = *found;
    if (!text.contains("model_type")) text["model_type"] = "gemma3_text";
    for (const char* key : {"bos_token_id", "eos_token_id", "quantization_config"})
        if (config.contains(key) && !text.contains(key)) text[key] = config[key];
    return text;
}

std::shared_ptr<const TensorSource> textPartOf(std::shared_ptr<const TensorSource> file,
                                               const std::string& where) {
    if (!file->find("language_model.model.embed_tokens.weight") &&
        !file->find("model.language_model.embed_tokens.weight"))
        return file;
    std::vector<TensorInfo> tensors;
    for (auto info : file->tensors()) {
        const auto* prefix = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                          [&](const auto& one) { return info.name.starts_with(one.first); });
        if (prefix == std::end(kPrefixes))
            throw Error(
                ErrorCode::UnsupportedVersion,
                "the model has the tensor " + info.name + ": it reads more than text, which is not supported",
                where, {{"choose the text model of the family, such as gemma-3-1b", "", ""}});
        info.name = prefix->second + info.name.substr(std::string(prefix->first).size());
        tensors.push_back(std::move(info));
    }
    return tensorView(std::move(file), std::move(tensors));
}

}  // namespace tessera
