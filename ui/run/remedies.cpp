#include "ui/run/remedies.h"

#include <QRegularExpression>

#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

/// What the engine advises names the flags of its command line, which a window has not: "choose a folder you
/// can write to with --out" -> "choose a folder you can write to".
QString withoutFlags(QString text) {
    static const QRegularExpression means(
        QStringLiteral(" with --(set \\S+?|[a-z-]+( [A-Z]{2,})?)(?=[,;.]|$| or )"));
    static const QRegularExpression example(QStringLiteral("(:|, or|, for example|:? for example) --.*$"));
    static const QRegularExpression dashes(QStringLiteral("(?<= )--(?=[a-z])"));
    return text.remove(means).remove(example).remove(dashes);
}

}  // namespace

std::vector<OfferedRemedy> remediesOf(const Json& error) {
    std::vector<OfferedRemedy> list;
    if (!error.is_object() || !error.contains("remedies") || !error["remedies"].is_array()) return list;
    for (const auto& remedy : error["remedies"]) {
        OfferedRemedy offered{withoutFlags(textAt(remedy, "text")), textAt(remedy, "option"),
                              textAt(remedy, "value")};
        if (offered.text.isEmpty()) continue;
        // Without a value there is nothing that a button could set.
        if (offered.value.isEmpty()) offered.option.clear();
        if (!offered.option.isEmpty()) offered.text = asSentence(offered.text).chopped(1);
        list.push_back(offered);
    }
    return list;
}

}  // namespace tessera::ui
