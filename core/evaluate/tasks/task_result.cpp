#include "core/evaluate/tasks/task_result.h"

#include <cmath>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/evaluate/tasks/task_text.h"

namespace tessera {

namespace {

struct Moments {
    double mean = 0.0, sampleVariance = 0.0;
    std::size_t count = 0;

    Json standardError() const {
        if (count < 2) return nullptr;
        return std::sqrt(sampleVariance / static_cast<double>(count));
    }
};

Moments momentsOf(const std::vector<double>& values) {
    Moments moments;
    moments.count = values.size();
    for (const double value : values) moments.mean += value / static_cast<double>(values.size());
    for (const double value : values)
        moments.sampleVariance += (value - moments.mean) * (value - moments.mean);
    if (values.size() > 1) moments.sampleVariance /= static_cast<double>(values.size() - 1);
    return moments;
}

/// The accuracy and its error, of the whole and of the groups where there are several.
void putAccuracy(Json& json, const Task& task, const std::string& name, const std::vector<double>& correct) {
    json[name] = momentsOf(correct).mean;
    json[name + "_stderr"] = momentsOf(correct).standardError();
    if (task.groups.size() < 2) return;
    std::vector<std::vector<double>> groups(task.groups.size());
    for (std::size_t i = 0; i < correct.size(); ++i) groups[task.items[i].group].push_back(correct[i]);
    double squares = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const auto moments = momentsOf(groups[g]);
        squares += moments.sampleVariance * static_cast<double>(groups[g].size() - 1);
        json["subjects"][task.groups[g]] = {{"acc", moments.mean}, {"n", groups[g].size()}};
    }
    // The variance within the subjects, pooled.
    if (correct.size() > groups.size())
        json[name + "_stderr"] = std::sqrt(squares / static_cast<double>(correct.size() - groups.size()) /
                                           static_cast<double>(correct.size()));
    else
        json[name + "_stderr"] = nullptr;
}

std::string fingerprint(const Task& task) {
    Sha256 hash;
    const auto add = [&](std::string_view text) {
        hash.add(std::to_string(text.size()) + ":");
        hash.add(text);
    };
    for (const auto& item : task.items) {
        for (const auto& request : item.requests) {
            add(request.context);
            add(request.continuation);
        }
        add(std::to_string(item.target));
    }
    return hash.hex();
}

Json whole(const std::vector<double>& values) {
    auto list = Json::array();
    for (const double value : values) list.push_back(static_cast<int>(value));
    return list;
}

}  // namespace

std::size_t pick(const std::vector<double>& scores) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < scores.size(); ++i)
        if (scores[i] > scores[best]) best = i;
    return best;
}

bool answersRight(const Task& task, const TaskItem& item, const RequestScore* scores) {
    if (!task.multipleChoice) return scores[0].greedy;
    std::vector<double> sums;
    for (std::size_t i = 0; i < item.choices.size(); ++i) sums.push_back(scores[i].logLikelihood);
    return pick(sums) == item.target;
}

Json taskResult(const Task& task, const std::vector<RequestScore>& scores) {
    std::vector<double> correct, correctNormalised, lastWords;
    auto choices = Json::array(), choicesNormalised = Json::array(), targets = Json::array(),
         likelihoods = Json::array();
    std::size_t request = 0;
    for (std::size_t i = 0; i < task.items.size(); ++i) {
        const auto& item = task.items[i];
        std::vector<double> sums, perCharacter;
        const auto* own = &scores.at(request);
        for (const auto& choice : item.choices) {
            const auto& score = scores.at(request++);
            if (!std::isfinite(score.logLikelihood))
                throw Error(ErrorCode::Numerical, "a log-likelihood is not a finite number",
                            task.name + ", item " + std::to_string(i));
            sums.push_back(score.logLikelihood);
            perCharacter.push_back(score.logLikelihood / static_cast<double>(characterCount(choice)));
        }
        likelihoods.push_back(sums);
        correct.push_back(answersRight(task, item, own));
        if (task.multipleChoice) {
            const auto bestNormalised = pick(perCharacter);
            choices.push_back(pick(sums));
            choicesNormalised.push_back(bestNormalised);
            targets.push_back(item.target);
            correctNormalised.push_back(bestNormalised == item.target);
        } else {
            lastWords.push_back(sums[0]);
        }
    }
    Json json{{"acc", nullptr}, {"acc_stderr", nullptr}};
    putAccuracy(json, task, "acc", correct);
    if (task.normalised) putAccuracy(json, task, "acc_norm", correctNormalised);
    if (!task.multipleChoice) {
        const auto moments = momentsOf(lastWords);
        const double perplexity = std::exp(-moments.mean);
        const auto error = moments.standardError();
        json["perplexity"] = perplexity;
        json["perplexity_stderr"] = error.is_null() ? error : Json(perplexity * error.get<double>());
    }
    json["n"] = task.items.size();
    if (task.multipleChoice) json["choices"] = choices;
    if (task.normalised) json["choices_norm"] = choicesNormalised;
    if (task.multipleChoice) json["targets"] = targets;
    json["correct"] = whole(correct);
    if (task.normalised) json["correct_norm"] = whole(correctNormalised);
    json["log_likelihoods"] = likelihoods;
    json["items"] = fingerprint(task);
    return json;
}

}  // namespace tessera
