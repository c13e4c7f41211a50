#include "core/evaluate/tasks/task_comparison.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/split_mix.h"

namespace tessera {

namespace {

/// Draw `k` of a stream, from 0 to count - 1.
std::size_t draw(std::uint64_t stream, std::uint64_t k, std::size_t count) {
    return static_cast<std::size_t>(static_cast<unsigned __int128>(splitMix64(stream + k)) * count >> 64);
}

using Right = std::vector<int>;

Right readRight(const Json& task, const char* field, const std::string& where, const std::string& name) {
    const auto found = task.find(field);
    Right right;
    if (found != task.end() && found->is_array())
        for (const auto& value : *found)
            if (value.is_number_integer() && (value == 0 || value == 1)) right.push_back(value.get<int>());
    if (right.empty() || found->size() != right.size())
        throw Error(ErrorCode::InvalidInput, "the result of " + name + " does not say which items were right",
                    where, {{"measure again with `tessera-cli eval --task`", "", ""}});
    return right;
}

/// The mean difference of each resample.
std::vector<double> resampledDifferences(const Right& a, const Right& b, std::uint64_t stream,
                                         int resamples) {
    std::vector<int> difference(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) difference[i] = b[i] - a[i];
    std::vector<double> means(static_cast<std::size_t>(resamples));
    for (std::size_t r = 0; r < means.size(); ++r) {
        const auto own = splitMix64(stream ^ splitMix64(r));
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < difference.size(); ++k)
            sum += difference[draw(own, k, difference.size())];
        means[r] = static_cast<double>(sum) / static_cast<double>(difference.size());
    }
    return means;
}

/// Between the two nearest values, as NumPy's default has it.
double quantile(const std::vector<double>& sorted, double q) {
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const auto high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

Json interval(std::vector<double> means) {
    std::sort(means.begin(), means.end());
    return {quantile(means, 0.025), quantile(means, 0.975)};
}

double meanOf(const Right& right) {
    double sum = 0;
    for (const int value : right) sum += value;
    return sum / static_cast<double>(right.size());
}

const Json& tasksOf(const Json& document, const std::string& where) {
    const auto tasks = document.find("tasks");
    if (!document.is_object() || tasks == document.end() || !tasks->is_object() || tasks->empty())
        throw Error(ErrorCode::InvalidInput, "the document holds no results of tasks", where,
                    {{"make one with `tessera-cli eval MODEL --task NAME=PATH --json`", "", ""}});
    for (const auto& [name, task] : tasks->items())
        if (!task.is_object())
            throw Error(ErrorCode::InvalidInput, "the result of " + name + " is no object", where,
                        {{"measure again with `tessera-cli eval --task`", "", ""}});
    return *tasks;
}

}  // namespace

Json compareTasks(const Json& a, const std::string& whereA, const Json& b, const std::string& whereB,
                  const ComparisonSettings& settings) {
    const auto &tasksA = tasksOf(a, whereA), &tasksB = tasksOf(b, whereB);
    auto tasks = Json::object();
    std::vector<double> meanDifferences(static_cast<std::size_t>(settings.resamples));
    double meanDifference = 0;
    for (const auto& [name, taskA] : tasksA.items()) {
        const auto found = tasksB.find(name);
        if (found == tasksB.end()) continue;
        if (taskA.value("items", Json()) != found->value("items", Json()))
            throw Error(ErrorCode::InvalidInput, "the two results of " + name + " are not of the same items",
                        whereA + " and " + whereB,
                        {{"measure both with the same data and the same --limit", "", ""}});
        Json entry{{"n", 0}};
        for (const auto* metric : {"acc", "acc_norm"}) {
            if (!taskA.contains(metric) || !found->contains(metric)) continue;
            const bool plain = metric == std::string("acc");
            const auto* field = plain ? "correct" : "correct_norm";
            const auto rightA = readRight(taskA, field, whereA, name),
                       rightB = readRight(*found, field, whereB, name);
            if (rightA.size() != rightB.size())
                throw Error(ErrorCode::InvalidInput, "the two results of " + name + " have different lengths",
                            whereA + " and " + whereB, {{"measure both again", "", ""}});
            // The same draws for both metrics: they are of the same items.
            std::uint64_t stream = splitMix64(settings.seed);
            for (const char c : name) stream = splitMix64(stream ^ static_cast<unsigned char>(c));
            auto means = resampledDifferences(rightA, rightB, stream, settings.resamples);
            auto won = Json::array(), lost = Json::array();
            for (std::size_t i = 0; i < rightA.size(); ++i) {
                if (rightB[i] > rightA[i]) won.push_back(i);
                if (rightB[i] < rightA[i]) lost.push_back(i);
            }
            const double difference = meanOf(rightB) - meanOf(rightA);
            entry["n"] = rightA.size();
            if (plain) {
                meanDifference += difference;
                for (std::size_t r = 0; r < means.size(); ++r) meanDifferences[r] += means[r];
            }
            entry[metric] = {{"a", meanOf(rightA)},
                             {"b", meanOf(rightB)},
                             {"difference", difference},
                             {"ci95", interval(std::move(means))},
                             {"won", won},
                             {"lost", lost}};
        }
        const auto choicesA = taskA.value("choices", Json::array()),
                   choicesB = found->value("choices", Json::array());
        if (!choicesA.empty() && choicesA.size() == choicesB.size()) {
            std::size_t changed = 0;
            for (std::size_t i = 0; i < choicesA.size(); ++i) changed += choicesA[i] != choicesB[i];
            entry["picks_changed"] = changed;
        }
        tasks[name] = entry;
    }
    if (tasks.empty())
        throw Error(ErrorCode::InvalidInput, "no task is in both results", whereA + " and " + whereB,
                    {{"measure both on the same tasks", "", ""}});
    const auto count = static_cast<double>(tasks.size());
    for (auto& value : meanDifferences) value /= count;
    return {
        {"tasks", tasks},
        {"mean", {{"difference", meanDifference / count}, {"ci95", interval(std::move(meanDifferences))}}},
        {"seed", settings.seed},
        {"resamples", settings.resamples}};
}

}  // namespace tessera
