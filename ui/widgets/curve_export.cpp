#include "ui/widgets/curve_export.h"

#include <QBuffer>
#include <QFile>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>
#include <charconv>
#include <cmath>

#include "ui/widgets/qcustomplot.h"

namespace tessera::ui {

namespace {

void addNumber(QByteArray& text, double value) {
    char digits[40];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    if (error == std::errc()) text.append(digits, end - digits);
}

void addName(QByteArray& text, const QString& name, char separator) {
    QByteArray utf8 = name.toUtf8();
    utf8.replace('\t', ' ').replace('\n', ' ');
    if (separator == ',' && (utf8.contains(',') || utf8.contains('"')))
        utf8 = '"' + utf8.replace('"', "\"\"") + '"';
    text += utf8;
}

}  // namespace

QByteArray tableText(const CurveTable& table, char separator) {
    QByteArray text;
    addName(text, table.xName, separator);
    for (const auto& column : table.columns) {
        text += separator;
        addName(text, column.name, separator);
    }
    text += '\n';
    std::vector<std::size_t> at(table.columns.size(), 0);
    const auto isValue = [](const CurveTable::Column& column, std::size_t i) {
        return std::isfinite(column.x[i]) && std::isfinite(column.y[i]);
    };
    for (;;) {
        double next = INFINITY;
        for (std::size_t c = 0; c < at.size(); ++c) {
            const auto& column = table.columns[c];
            while (at[c] < column.x.size() && !isValue(column, at[c])) ++at[c];
            if (at[c] < column.x.size()) next = std::min(next, column.x[at[c]]);
        }
        if (!std::isfinite(next)) return text;
        addNumber(text, next);
        for (std::size_t c = 0; c < at.size(); ++c) {
            const auto& column = table.columns[c];
            text += separator;
            if (at[c] < column.x.size() && column.x[at[c]] <= next) addNumber(text, column.y[at[c]++]);
        }
        text += '\n';
    }
}

bool savePicture(QCustomPlot& plot, const QString& file, const QString& title) {
    const auto size = plot.size();
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    if (file.endsWith(QLatin1String(".svg"), Qt::CaseInsensitive)) {
        QSvgGenerator generator;
        generator.setOutputDevice(&buffer);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(0, 0), size));
        generator.setTitle(title);
        QCPPainter painter;
        painter.begin(&generator);
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        plot.toPainter(&painter, size.width(), size.height());
        painter.end();
    } else if (file.endsWith(QLatin1String(".pdf"), Qt::CaseInsensitive)) {
        QPdfWriter writer(&buffer);
        writer.setTitle(title);
        writer.setResolution(96);
        writer.setPageMargins(QMarginsF(0, 0, 0, 0));
        writer.setPageSize(
            QPageSize(QSizeF(size) * 72.0 / 96.0, QPageSize::Point, QString(), QPageSize::ExactMatch));
        QCPPainter painter;
        painter.begin(&writer);
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        plot.toPainter(&painter, size.width(), size.height());
        painter.end();
    } else if (!plot.toPixmap(size.width(), size.height(), 2.0).save(&buffer, "PNG")) {
        return false;
    }
    QSaveFile out(file);
    return out.open(QIODevice::WriteOnly) && out.write(bytes) == bytes.size() && out.commit();
}

}  // namespace tessera::ui
