#pragma once

#include <QByteArray>
#include <QStringList>
#include <vector>

class QCustomPlot;

namespace tessera::ui {

/// Whole columns, copied out of a plot, so that another thread can write them.
struct CurveTable {
    struct Column {
        QString name;
        std::vector<double> x, y;
    };
    QString xName;
    std::vector<Column> columns;
};

/// One row for every x that any column has, in ascending order; a cell is empty where the column has no value
/// there. Numbers are written so that they read back to the same bits. Names are quoted for ',' by RFC 4180.
/// Any thread.
QByteArray tableText(const CurveTable& table, char separator);

/// Draws the plot as it is seen into .png (2x), .svg or .pdf; false where the file cannot be written. GUI
/// thread.
bool savePicture(QCustomPlot& plot, const QString& file, const QString& title);

}  // namespace tessera::ui
