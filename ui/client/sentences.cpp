#include "ui/client/sentences.h"

#include <QDir>

#include "core/session/experiment_spec.h"

namespace tessera::ui {

QString textAt(const Json& json, const char* key) {
    if (!json.is_object()) return {};
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? QString::fromStdString(found->get<std::string>())
                                                     : QString();
}

double numberAt(const Json& json, const char* key, double otherwise) {
    if (!json.is_object()) return otherwise;
    const auto found = json.find(key);
    return found != json.end() && found->is_number() ? found->get<double>() : otherwise;
}

QString asSentence(const QString& words) {
    QString text = words;
    for (auto& c : text)
        if (c.category() == QChar::Other_Control) c = ' ';
    text = text.trimmed();
    if (text.isEmpty()) return text;
    text[0] = text[0].toUpper();
    if (!text.endsWith('.') && !text.endsWith('!') && !text.endsWith('?')) text += '.';
    return text;
}

QString methodTitle(const QString& name) {
    for (const auto& method : methodDescriptions())
        if (method.name == name.toStdString()) return QString::fromStdString(method.title);
    return name;
}

QString pathText(const QString& path) {
    const auto home = QDir::homePath();
    return home.size() > 1 && path.startsWith(home + '/') ? '~' + path.mid(home.size()) : path;
}

QString errorSentence(const Error& error) {
    return asSentence(QString::fromUtf8(error.what()));
}

QString errorSummary(const Json& event) {
    const auto summary = textAt(event, "summary");
    return asSentence(summary.isEmpty() ? QStringLiteral("something failed without saying what") : summary);
}

QString errorSentence(const Json& event) {
    auto text = errorSummary(event);
    if (const auto where = textAt(event, "where"); !where.isEmpty()) {
        text.chop(1);
        text += " (" + pathText(where) + ").";
    }
    QStringList advice;
    if (event.is_object() && event.contains("remedies") && event["remedies"].is_array())
        for (const auto& remedy : event["remedies"])
            if (const auto words = textAt(remedy, "text"); !words.isEmpty()) advice << words;
    if (!advice.isEmpty()) text += " What to do: " + advice.join("; or ") + '.';
    return text;
}

}  // namespace tessera::ui
