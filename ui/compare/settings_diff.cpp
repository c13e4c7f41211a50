#include "ui/compare/settings_diff.h"

#include <QSet>
#include <cmath>
#include <functional>
#include <set>

#include "ui/compare/json_member.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

const QString kNone = QStringLiteral("–");

QString plain(const Json& value) {
    if (value.is_null()) return {};
    if (value.is_string()) return QString::fromStdString(value.get<std::string>());
    if (value.is_boolean()) return value.get<bool>() ? QStringLiteral("yes") : QStringLiteral("no");
    if (value.is_number_float()) return QString::number(value.get<double>(), 'g', 10);
    if (!value.is_array()) return QString::fromStdString(dumpLine(value));
    QStringList parts;
    for (const auto& item : value) parts << plain(item);
    return parts.join(QStringLiteral(", "));
}

using Read = std::function<QString(const RunSettings&)>;

void addDifferent(std::vector<SettingRow>& rows, const QString& name, const std::vector<RunSettings>& runs,
                  const Read& read) {
    SettingRow row{name, {}};
    QSet<QString> different;
    for (const auto& run : runs) {
        row.values << read(run);
        different << row.values.last();
        if (row.values.last().isEmpty()) row.values.last() = kNone;
    }
    if (different.size() > 1) rows.push_back(row);
}

QString shortPrint(const QString& print) {
    return print.left(12);
}

void addSpec(std::vector<SettingRow>& rows, const std::vector<RunSettings>& runs) {
    static const std::pair<const char*, const char*> kKeys[] = {
        {"model", "Model"},     {"method", "Method"}, {"pattern", "Pattern"}, {"sparsity", "Target sparsity"},
        {"text", "Text"},       {"steps", "Steps"},   {"minutes", "Minutes"}, {"seed", "Seed"},
        {"threads", "Threads"}, {"device", "Device"}, {"dtype", "Data type"}};
    for (const auto& [key, label] : kKeys)
        addDifferent(rows, QString::fromLatin1(label), runs, [key = key](const RunSettings& run) {
            const auto& value = memberOf(run.spec, key);
            const std::string_view which = key;
            if (which == "sparsity" && value.is_number()) {
                const double percent = value.get<double>() * 100;
                return percentText(value.get<double>(),
                                   std::abs(percent - std::round(percent)) < 1e-6 ? 0 : 2);
            }
            if (which == "threads" && value.is_number() && value.get<double>() == 0)
                return QStringLiteral("all cores");
            if (which == "text" && value.is_array() && value.empty())
                return QStringLiteral("the default text");
            return plain(value);
        });
    for (const auto& [key, label] :
         {std::pair("model", "Model, fingerprint"), std::pair("text", "Text, fingerprint")})
        addDifferent(rows, QString::fromLatin1(label), runs, [key = key](const RunSettings& run) {
            return shortPrint(plain(memberOf(memberOf(run.spec, "fingerprints"), key)));
        });
}

void addOptions(std::vector<SettingRow>& rows, const std::vector<RunSettings>& runs) {
    std::set<std::string> keys;
    for (const auto& run : runs)
        for (const auto* source : {&run.options, &memberOf(run.spec, "set")})
            if (source->is_object())
                for (const auto& [key, value] : source->items()) keys.insert(key);
    for (const auto& key : keys) {
        bool byHand = false;
        QSet<QString> known;
        std::size_t having = 0;
        const auto valueOf = [&key](const RunSettings& run) {
            const auto& given = memberOf(memberOf(run.spec, "set"), key.c_str());
            return plain(given.is_null() ? memberOf(run.options, key.c_str()) : given);
        };
        for (const auto& run : runs) {
            byHand |= !memberOf(memberOf(run.spec, "set"), key.c_str()).is_null();
            if (memberOf(run.options, key.c_str()).is_null() &&
                memberOf(memberOf(run.spec, "set"), key.c_str()).is_null())
                continue;
            ++having;
            known << valueOf(run);
        }
        if (known.size() > 1 || (byHand && having < runs.size()))
            addDifferent(rows, QString::fromStdString(key), runs, valueOf);
    }
}

}  // namespace

std::vector<SettingRow> differingSettings(const std::vector<RunSettings>& runs) {
    std::vector<SettingRow> rows;
    if (runs.size() < 2) return rows;
    addSpec(rows, runs);
    addOptions(rows, runs);
    static const std::pair<const char*, const char*> kMachine[] = {{"cpu", "Processor"},
                                                                   {"cores", "Cores"},
                                                                   {"threads", "Threads used"},
                                                                   {"system", "System"},
                                                                   {"libraries", "Libraries"}};
    // A run without a result has not told its machine: that is no difference.
    bool told = true;
    for (const auto& run : runs) told &= run.machine.is_object() && !run.machine.empty();
    if (told)
        for (const auto& [key, label] : kMachine)
            addDifferent(rows, QString::fromLatin1(label), runs,
                         [key = key](const RunSettings& run) { return plain(memberOf(run.machine, key)); });
    addDifferent(rows, QStringLiteral("Tessera"), runs,
                 [](const RunSettings& run) { return plain(memberOf(run.spec, "tessera")); });
    return rows;
}

}  // namespace tessera::ui
