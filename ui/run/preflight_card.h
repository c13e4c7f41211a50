#pragma once

#include <QTemporaryFile>
#include <QTimer>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/json.h"
#include "ui/widgets/basics.h"

class QGridLayout;
class QVBoxLayout;

namespace tessera::ui {

class CliCall;

/// What the run of the form would need: memory and disk against what is free, and time, first estimated, then
/// from one measured step of the real model, each with what it assumes. Where something does not fit, buttons
/// change the form. The engine measures in a child of its own; nothing is measured while a run is going.
class PreflightCard : public Card {
    Q_OBJECT
  public:
    explicit PreflightCard(QWidget* parent = nullptr);
    ~PreflightCard() override;

    /// Checks this specification a moment later; whatever was going on is given up.
    void check(const Json& spec);
    /// Nothing to check: why.
    void rest(const QString& sentence);
    bool settled() const { return m_settled; }
    /// Shows a document of `tessera-cli preflight`.
    void show(const Json& document);

  Q_SIGNALS:
    void leverPulled(const QString& option, const QString& value);
    void stepsKnown(std::optional<std::int64_t> steps);

  private:
    struct Need {
        QLabel *good = nullptr, *bad = nullptr, *title = nullptr, *value = nullptr, *assumption = nullptr;
    };

    Need addNeed(QGridLayout* grid, const QString& title);
    void setNeed(Need& need, bool known, bool fits, const QString& value, const QString& assumption);
    void ask(bool measure);
    void clearLevers();

    Need m_memory, m_disk, m_time;
    QLabel* m_status = nullptr;
    QVBoxLayout* m_levers = nullptr;
    QTimer m_soon;
    Json m_spec;
    std::unique_ptr<QTemporaryFile> m_file;
    CliCall* m_call = nullptr;
    bool m_settled = false;
};

}  // namespace tessera::ui
