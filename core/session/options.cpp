#include "core/session/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/error.h"

namespace tessera {

namespace {

const std::vector<std::string> kLearn{"leap", "patch-tile", "patch-joint", "maskllm", "proxsparse"};
/// Those that learn logits of gates or patterns.
const std::vector<std::string> kLogits{"leap", "patch-tile", "patch-joint", "maskllm"};
const std::vector<std::string> kProx{"proxsparse"};
/// Those whose gates share a budget.
const std::vector<std::string> kGated{"leap", "patch-tile", "patch-joint"};
const std::vector<std::string> kJoint{"patch-joint"};
const std::vector<std::string> kAll{"magnitude", "wanda",      "sparsegpt",   "thanos",  "admm",
                                    "leap",      "patch-tile", "patch-joint", "maskllm", "proxsparse"};
const std::vector<std::string> kBlockwise{"sparsegpt", "thanos"};
const std::vector<std::string> kUpdating{"sparsegpt", "thanos", "admm"};
const std::vector<std::string> kAdmm{"admm"};

OptionDescription real(const char* key, const char* value, const char* paper, double least, double greatest,
                       const char* help, std::vector<std::string> methods = kLearn) {
    return {key, OptionType::Real, "", value, paper, least, greatest, {}, help, std::move(methods)};
}
OptionDescription whole(const char* key, const char* value, const char* paper, double least, double greatest,
                        const char* unit, const char* help, std::vector<std::string> methods = kLearn) {
    return {key, OptionType::Integer, unit, value, paper, least, greatest, {}, help, std::move(methods)};
}
OptionDescription flag(const char* key, const char* value, const char* paper, const char* help,
                       std::vector<std::string> methods = kLearn) {
    return {key, OptionType::Boolean, "", value, paper, 0, 0, {}, help, std::move(methods)};
}
OptionDescription choice(const char* key, const char* value, const char* paper,
                         std::vector<std::string> choices, const char* help,
                         std::vector<std::string> methods = kLearn) {
    return {key, OptionType::Choice, "", value, paper, 0, 0, std::move(choices), help, std::move(methods)};
}

std::vector<OptionDescription> makeDescriptions() {
    std::vector<OptionDescription> d;
    d.push_back(choice("recipe", "desk", "desk", {"desk", "paper"},
                       "which defaults hold: desk, for fewer than 50 M tokens, or the published ones"));
    d.push_back(real("lr", "5e-4", "1e-3", 0, 1, "peak learning rate of the mask logits (Adam)"));
    d.push_back(choice("lr_schedule", "cosine", "", {"cosine", "linear", "constant"},
                       "how the learning rate falls after the warm-up"));
    d.push_back(real("lr_end", "0", "", 0, 1, "share of lr that is left at the end"));
    d.push_back(whole("warmup_steps", "5", "", 0, 1e6, "steps", "steps over which the learning rate rises"));
    d.push_back(real("beta1", "0.9", "", 0, 0.9999, "Adam's decay of the mean gradient"));
    d.push_back(real("beta2", "0.95", "", 0, 0.99999, "Adam's decay of the squared gradient"));
    d.push_back(
        real("eps", "1e-12", "1e-8", 1e-20, 1, "Adam's epsilon; gate gradients are as small as 1e-8"));
    d.push_back(real("weight_decay", "0", "", 0, 10, "decoupled weight decay on the logits"));
    d.push_back(real("clip", "0", "1", 0, 1e9,
                     "greatest norm of the gradient; 0 does not clip and fuses backward and Adam"));
    d.push_back(
        real("kappa_start", "100", "25", 1e-3, 1e6, "scale of the logits at the first step", kLogits));
    d.push_back(real("kappa_end", "350", "350", 1e-3, 1e6, "scale of the logits at the last step", kLogits));
    d.push_back(real("tau_start", "2", "4", 1e-4, 1e3, "temperature at the first step", kLogits));
    d.push_back(real("tau_end", "0.05", "0.05", 1e-4, 1e3, "temperature at the last step", kLogits));
    d.push_back(real("pattern_lr", "5e-4", "1e-3", 0, 1, "lr of the patterns' logits", kJoint));
    d.push_back(real("pattern_kappa_start", "100", "100", 1e-3, 1e6,
                     "kappa of the patterns' logits at the first step", kJoint));
    d.push_back(real("pattern_kappa_end", "500", "500", 1e-3, 1e6,
                     "kappa of the patterns' logits at the last step", kJoint));
    d.push_back(real("pattern_tau_start", "2", "4", 1e-4, 1e3,
                     "temperature of the patterns at the first step", kJoint));
    d.push_back(real("pattern_tau_end", "0.05", "0.05", 1e-4, 1e3,
                     "temperature of the patterns at the last step", kJoint));
    d.push_back(choice("temperature_schedule", "linear", "", {"linear", "cosine", "constant"},
                       "how kappa and tau move", kLogits));
    d.push_back(real("prox_lambda", "0.25", "0.25", 0, 1e6,
                     "weight of the proximal step that pulls every four weights towards two", kProx));
    d.push_back(real("frozen_lambda", "0", "", 0, 1e6,
                     "weight of the distance from the original weights, those that are kept counting more",
                     kProx));
    d.push_back(
        real("frozen_eps", "0.1", "", 1e-9, 1e3, "what keeps that distance finite at weights near 0", kProx));
    d.push_back(flag("straight_through", "false", "",
                     "forward passes with hard masks, gradients as of the soft ones", kLogits));
    d.push_back(real("lambda_density", "7", "7", 0, 1e6,
                     "weight of the distance between the soft density and the target; unused with centring",
                     kGated));
    d.push_back(real("lambda_weight", "10", "10", 0, 1e6,
                     "weight of the norm of the kept weights, squared in MaskLLM, falling to 0 over the run",
                     kLogits));
    d.push_back(choice("weight_schedule", "linear", "", {"linear", "cosine", "constant"},
                       "how lambda_weight falls to 0; constant: it does not", kLogits));
    d.push_back(choice("prior", "wanda", "wanda",
                       {"wanda", "magnitude", "sparsegpt", "thanos", "admm", "random", "none"},
                       "which one-shot method the gates' logits start from", kGated));
    d.push_back(choice("prior_form", "graded", "binary", {"graded", "binary"},
                       "graded: by the score's distance from its threshold; binary: by its side", kLogits));
    d.push_back(real("prior_strength", "3", "3", 0, 1000,
                     "size of the prior in units of prior_sigma; 0 disables it", kLogits));
    d.push_back(real("prior_sigma", "0.014", "", 1e-6, 10,
                     "deviation of the published normal initialisation, the prior's unit", kLogits));
    d.push_back(flag("prior_noise", "false", "true", "add the published normal noise to the initial logits",
                     kLogits));
    d.push_back(real("prior_width", "0.7", "", 1e-6, 100,
                     "graded: distance of log scores that makes one unit of strength", kLogits));
    d.push_back(real("prior_clamp", "1.5", "", 1e-6, 100, "graded: most units of strength", kLogits));
    d.push_back(choice("prior_threshold", "row", "row", {"row", "matrix", "block", "global"},
                       "within which weights the prior's threshold is taken", kGated));
    d.push_back(flag("centring", "true", "false",
                     "shift the gates at every step so that the budget holds throughout", kGated));
    d.push_back(real("kl_weight", "0.5", "0", 0, 1000,
                     "weight of the divergence from the dense model's predictions"));
    d.push_back(real("ce_weight", "0.5", "1", 0, 1000, "weight of the cross-entropy with the text"));
    d.push_back(choice("target_scope", "global", "", {"global", "block", "matrix"},
                       "within which weights the sparsity is held", kGated));
    d.push_back(whole("batch", "4", "", 1, 4096, "windows", "windows a forward pass"));
    d.push_back(whole("context", "512", "", 16, 1 << 20, "tokens", "tokens a window of learning text"));
    d.push_back(whole("accumulate", "1", "", 1, 65536, "passes",
                      "forward passes a step and process, each with noise of its own"));
    d.push_back(
        flag("activation_checkpointing", "false", "",
             "compute a block's activations again in backward instead of keeping those of all blocks: "
             "less memory, a third more work, the same masks"));
    d.push_back(choice("moments", "f32", "", {"f32", "bf16"},
                       "what Adam's moments are kept in; bf16: a third less of what is learned in memory, "
                       "other masks"));
    d.push_back(
        flag("spill_state", "false", "",
             "keep logits and Adam's moments in files of the run, of which the system holds in memory "
             "what fits: the same masks, at the disk's speed where they do not fit"));
    d.push_back(
        {"base",
         OptionType::Text,
         "",
         "wanda",
         "",
         0,
         0,
         {},
         "the N:M mask that PATCH-Tile freezes and the others' patterns start from: magnitude, wanda, "
         "sparsegpt, thanos, admm, or a mask file (.npz)",
         {"patch-tile", "patch-joint", "maskllm"}});
    d.push_back({"tile",
                 OptionType::Tile,
                 "weights",
                 "128x128",
                 "",
                 1,
                 1 << 20,
                 {},
                 "rows x columns of a tile; LEAP and the one-shot methods draw maps with it",
                 kAll});
    d.push_back(real("damping", "0.01", "", 0, 100,
                     "share of the mean diagonal added to the inputs' Gram matrix; raised tenfold where that "
                     "cannot be factored",
                     kUpdating));
    d.push_back(whole("block_columns", "128", "", 1, 1 << 16, "columns",
                      "columns pruned together before those behind them are made to fit", kBlockwise));
    d.push_back(real("outlier_rows", "0", "", 0, 0.9,
                     "share of the rows, those of the largest outputs, that stay dense", {"thanos"}));
    d.push_back(whole("admm_steps", "20", "", 0, 10000, "steps", "alternating updates of a matrix", kAdmm));
    d.push_back(whole("sparsify_steps", "15", "", 1, 10000, "steps",
                      "the first of them choose the mask, ever sparser", kAdmm));
    d.push_back(real("admm_penalty", "1", "", 1e-6, 1e6, "rho, the weight of the pruned copy", kAdmm));
    d.push_back(choice("imitate", "none", "release", {"none", "release"},
                       "release: the published code, whose unstructured schedule starts at the end", kAdmm));
    d.push_back(choice("finish", "none", "", {"none", "optima"},
                       "optima: under the final mask, the weights that change a layer's outputs least",
                       kAll));
    d.push_back(real("finish_damping", "0.01", "0", 0, 100,
                     "as damping, for the finish: share of the mean diagonal", kAll));
    d.push_back(whole("calibration_windows", "32", "", 1, 1 << 20, "windows",
                      "windows of text that one-shot scores and the finish are measured on", kAll));
    d.push_back(
        whole("calibration_context", "1024", "", 16, 1 << 20, "tokens", "tokens a calibration window", kAll));
    d.push_back(real("own_samples", "0", "", 0, 1,
                     "share of the learning text that the model writes itself before it learns; 1: no other "
                     "text is read, but to measure on",
                     kAll));
    d.push_back(whole("own_tokens", "131072", "", 16, 1 << 30, "tokens",
                      "how much the model writes where own_samples asks for it", kAll));
    d.push_back(flag("spill", "false", "",
                     "keep the calibration text's activations in a file of the run instead of in memory",
                     kAll));
    d.push_back({"exclude",
                 OptionType::List,
                 "",
                 "",
                 "",
                 0,
                 0,
                 {},
                 "matrices that stay dense, by name, * and ? allowed, separated by commas",
                 kAll});
    d.push_back(whole("eval_window", "1024", "", 16, 1 << 20, "tokens",
                      "tokens a window of the held-out perplexity", kAll));
    d.push_back(whole("eval_windows", "20", "", 0, 1 << 20, "windows",
                      "windows of the held-out perplexity; 0 measures none", kAll));
    d.push_back({"checkpoint_seconds",
                 OptionType::Real,
                 "s",
                 "0",
                 "",
                 0,
                 1e9,
                 {},
                 "least time between checkpoints; 0: 60 s or 20 times what one takes",
                 kLearn});
    d.push_back({"trace",
                 OptionType::Text,
                 "",
                 "none",
                 "",
                 0,
                 0,
                 {},
                 "file for where the time of the first five steps goes, or none; in Chrome's trace format "
                 "(chrome://tracing, Perfetto)",
                 kLearn});
    d.push_back(whole("snapshots", "20", "", 1, 20, "", "tile maps and hard masks kept over the run"));
    return d;
}

const OptionDescription* findOption(const std::string& key) {
    for (const auto& option : optionDescriptions())
        if (option.key == key) return &option;
    return nullptr;
}

std::size_t editDistance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto above = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string nearest(const std::string& key, const std::string& method) {
    std::string best;
    std::size_t least = 4;
    for (const auto& option : optionDescriptions()) {
        const auto distance = editDistance(key, option.key);
        if (option.belongsTo(method) && distance < least) {
            least = distance;
            best = option.key;
        }
    }
    return best;
}

std::string textOf(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
    if (!value.is_array()) return value.dump();
    std::string list;
    for (const auto& item : value) list += (list.empty() ? "" : ",") + textOf(item);
    return list;
}

double numberOf(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : NAN;
}

std::string shortNumber(double value) {
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof text, value);
    return error == std::errc() ? std::string(text, end) : "?";
}

void check(const OptionDescription& option, const std::string& text) {
    const auto refuse = [&](const std::string& expected) {
        throw Error(
            ErrorCode::InvalidInput,
            "\"" + text + "\" is no value of " + option.key + ": it takes " + expected, option.key,
            {{"for example " + option.key + "=" + option.defaultValue, option.key, option.defaultValue}});
    };
    switch (option.type) {
        case OptionType::Real:
        case OptionType::Integer: {
            const double value = numberOf(text);
            const bool wholeEnough = option.type == OptionType::Real || value == std::floor(value);
            if (!(value >= option.least && value <= option.greatest) || !wholeEnough)
                refuse(std::string(option.type == OptionType::Integer ? "a whole number" : "a number") +
                       " from " + shortNumber(option.least) + " to " + shortNumber(option.greatest));
            return;
        }
        case OptionType::Boolean:
            if (text != "true" && text != "false") refuse("true or false");
            return;
        case OptionType::Choice:
            if (std::find(option.choices.begin(), option.choices.end(), text) == option.choices.end()) {
                std::string list;
                for (const auto& c : option.choices)
                    list += (list.empty() ? "" : c == option.choices.back() ? " or " : ", ") + c;
                refuse(list);
            }
            return;
        case OptionType::Tile: {
            const auto cross = text.find('x');
            const double rows = numberOf(text.substr(0, cross)),
                         cols = cross == std::string::npos ? rows : numberOf(text.substr(cross + 1));
            if (!(rows >= 1 && rows <= option.greatest && cols >= 1 && cols <= option.greatest) ||
                rows != std::floor(rows) || cols != std::floor(cols))
                refuse("rows x columns such as 128x128");
            return;
        }
        case OptionType::Text:
            if (text.empty()) refuse("a text");
            return;
        case OptionType::List:
            return;
    }
}

const char* typeName(OptionType type) {
    switch (type) {
        case OptionType::Real:
            return "real";
        case OptionType::Integer:
            return "integer";
        case OptionType::Boolean:
            return "boolean";
        case OptionType::Choice:
            return "choice";
        case OptionType::Text:
            return "text";
        case OptionType::List:
            return "list";
        case OptionType::Tile:
            return "tile";
    }
    return "text";
}

}  // namespace

const std::vector<OptionDescription>& optionDescriptions() {
    static const auto descriptions = makeDescriptions();
    return descriptions;
}

bool OptionDescription::belongsTo(const std::string& method) const {
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

namespace {

struct RecipeValue {
    const char* key;
    const char* desk;   ///< null: the description's
    const char* paper;  ///< null: the description's, or the desk's where that has none
};
/// Where a method's values differ from those that the descriptions have, which are LEAP's.
const std::map<std::string, std::vector<RecipeValue>>& recipes() {
    static const std::map<std::string, std::vector<RecipeValue>> values{
        // Of inputs scaled to norm 1.
        {"admm", {{"damping", "0.1", "0.1"}}},
        // methods.md 8.5. LEAP's lower desk rate was measured on gates of single weights; a tile's gathers
        // thousands of gradients.
        {"patch-tile",
         {{"lr", "8e-3", "1e-4"},
          {"kappa_start", nullptr, "100"},
          {"kappa_end", nullptr, "500"},
          {"tau_start", nullptr, "2"},
          {"lambda_density", nullptr, "3"},
          {"lambda_weight", nullptr, "0.1"}}},
        // The published runs at 45 % began at a tau of 4, those at 25 and 35 % at 2.
        {"patch-joint", {{"lr", "2e-3", "1e-3"}, {"tau_start", nullptr, "2"}}},
        // methods.md 5, the released code's; 400 steps, a tenth of them warm-up.
        {"proxsparse",
         {{"lr", "1e-3", "1e-4"},
          {"lr_schedule", "linear", "linear"},
          {"warmup_steps", nullptr, "40"},
          {"beta2", "0.999", "0.999"},
          {"eps", "1e-8", "1e-8"},
          {"clip", "1", "1"},
          {"ce_weight", "1", "1"},
          {"kl_weight", "0", "0"},
          {"batch", nullptr, "1"},
          {"context", nullptr, "4096"}}},
        // methods.md 7, the released code's.
        {"maskllm",
         {{"lr", "5e-4", "5e-4"},
          {"lr_end", nullptr, "0.1"},
          {"warmup_steps", nullptr, "0"},
          {"eps", nullptr, "1e-5"},
          {"weight_decay", nullptr, "0.1"},
          {"kappa_start", nullptr, "100"},
          {"kappa_end", "500", "500"},
          {"lambda_weight", "1e-5", "1e-5"},
          {"prior_sigma", nullptr, "0.01"}}},
    };
    return values;
}

std::string recipeValue(const OptionDescription& option, const std::string& method, bool paper) {
    if (const auto found = recipes().find(method); found != recipes().end())
        for (const auto& value : found->second)
            if (const char* own = paper ? value.paper : value.desk; option.key == value.key && own)
                return own;
    return paper && !option.paperValue.empty() ? option.paperValue : option.defaultValue;
}

}  // namespace

Json OptionDescription::toJson(const std::string& method) const {
    Json json{{"key", key},
              {"type", typeName(type)},
              {"unit", unit},
              {"default", recipeValue(*this, method, false)},
              {"paper", recipeValue(*this, method, true)},
              {"help", help},
              {"methods", methods}};
    if (type == OptionType::Real || type == OptionType::Integer || type == OptionType::Tile)
        json["range"] = {least, greatest};
    if (!choices.empty()) json["choices"] = choices;
    return json;
}

OptionSet::OptionSet(const std::string& method, const Json& values) : m_method(method) {
    if (!values.is_null() && !values.is_object())
        throw Error(ErrorCode::InvalidInput, "\"set\" is not an object of keys and values", "set");
    if (values.is_object())
        for (const auto& [key, value] : values.items()) {
            const auto* option = findOption(key);
            if (!option || !option->belongsTo(method)) {
                const auto near = nearest(key, method);
                throw Error(ErrorCode::InvalidInput,
                            option ? "the method " + method + " has no option \"" + key + "\""
                                   : "there is no option \"" + key + "\"",
                            "set",
                            {{near.empty() ? "see 'tessera-cli options --method " + method + "'"
                                           : "did you mean \"" + near + "\"?",
                              "", ""}});
            }
            const auto text = textOf(value);
            check(*option, text);
            m_given[key] = text;
        }
    const bool paper = m_given.contains("recipe") && m_given["recipe"] == "paper";
    for (const auto& option : optionDescriptions())
        if (option.belongsTo(method))
            m_values[option.key] =
                m_given.contains(option.key) ? m_given[option.key] : recipeValue(option, method, paper);
}

std::string OptionSet::text(const std::string& key) const {
    const auto found = m_values.find(key);
    if (found == m_values.end())
        throw Error(ErrorCode::Internal, "the method " + m_method + " has no option " + key, key);
    return found->second;
}

double OptionSet::real(const std::string& key) const {
    return numberOf(text(key));
}
std::int64_t OptionSet::integer(const std::string& key) const {
    return static_cast<std::int64_t>(numberOf(text(key)));
}
bool OptionSet::boolean(const std::string& key) const {
    return text(key) == "true";
}

std::vector<std::string> OptionSet::list(const std::string& key) const {
    std::vector<std::string> items;
    const auto all = text(key);
    for (std::size_t at = 0; at <= all.size();) {
        const auto comma = std::min(all.find(',', at), all.size());
        if (comma > at) items.push_back(all.substr(at, comma - at));
        at = comma + 1;
    }
    return items;
}

std::pair<std::int64_t, std::int64_t> OptionSet::tile(const std::string& key) const {
    const auto value = text(key);
    const auto cross = value.find('x');
    const auto rows = static_cast<std::int64_t>(numberOf(value.substr(0, cross)));
    return {rows,
            cross == std::string::npos ? rows : static_cast<std::int64_t>(numberOf(value.substr(cross + 1)))};
}

Json OptionSet::given() const {
    Json json = Json::object();
    for (const auto& [key, value] : m_given) json[key] = value;
    return json;
}

Json OptionSet::effective() const {
    Json json = Json::object();
    for (const auto& [key, value] : m_values) json[key] = value;
    return json;
}

}  // namespace tessera
