#include "core/formats/fused_tensors.h"

#include <map>

#include "core/base/error.h"
#include "core/formats/tensor_view.h"

namespace tessera {

std::vector<FusedTensor> fusedTensors(const ModelConfig& config) {
    std::vector<FusedTensor> list;
    if (!config.fusedTensors) return list;
    const auto matrices = prunableMatrices(config);
    for (std::size_t i = 0; i < matrices.size(); i += 7) {
        const auto prefix = "model.layers." + std::to_string(matrices[i].block) + ".";
        list.push_back({prefix + "self_attn.qkv_proj.weight",
                        {matrices[i].name, matrices[i + 1].name, matrices[i + 2].name}});
        list.push_back({prefix + "mlp.gate_up_proj.weight", {matrices[i + 4].name, matrices[i + 5].name}});
    }
    return list;
}

std::shared_ptr<const TensorSource> splitFusedTensors(std::shared_ptr<const TensorSource> file,
                                                      const ModelConfig& config) {
    if (!config.fusedTensors) return file;
    std::map<std::string, FusedTensor> fused;
    for (auto& tensor : fusedTensors(config)) fused.emplace(tensor.name, std::move(tensor));
    std::map<std::string, std::int64_t> rows;
    for (const auto& matrix : prunableMatrices(config)) rows[matrix.name] = matrix.rows;
    std::vector<TensorInfo> tensors;
    for (const auto& info : file->tensors()) {
        const auto found = fused.find(info.name);
        if (found == fused.end()) {
            tensors.push_back(info);
            continue;
        }
        std::int64_t all = 0;
        for (const auto& part : found->second.parts) all += rows[part];
        if (info.shape.size() != 2 || info.shape[0] != all)
            throw Error(ErrorCode::Corrupt,
                        "the tensor " + info.name + " has not the " + std::to_string(all) +
                            " rows that the configuration says",
                        "", {{"use the config.json that belongs to these weights", "", ""}});
        auto part = info;
        for (const auto& name : found->second.parts) {
            part.name = name;
            part.shape[0] = rows[name];
            part.bytes = storedBytes(info.dtype, part.elements());
            tensors.push_back(part);
            part.offset += part.bytes;
        }
    }
    return tensorView(std::move(file), std::move(tensors));
}

}  // namespace tessera
