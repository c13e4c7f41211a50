#pragma once

#include <QObject>

// QCustomPlot's header is written with Qt's keywords, which the window does without.
#define signals Q_SIGNALS
#define slots Q_SLOTS
#define emit
#define foreach Q_FOREACH
#include <qcustomplot.h>
#undef signals
#undef slots
#undef emit
#undef foreach
