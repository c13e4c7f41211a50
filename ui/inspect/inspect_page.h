#pragma once

#include <QTimer>
#include <list>
#include <set>
#include <vector>

#include "ui/inspect/mask_loader.h"
#include "ui/workspace/page.h"

class QComboBox;
class QLabel;
class QSplitter;
class QStackedLayout;
class QToolButton;

namespace tessera::ui {

class Banner;
class Breadcrumb;
class ColourLegend;
class EmptyState;
class HeatmapView;
class MatrixPanel;
class SnapshotSlider;

/// What the masks keep, from the whole model down to single weights, at every recorded step of the current
/// run; the chosen model where there is no run. GUI thread only; all reading is the loader's.
class InspectPage : public Page {
    Q_OBJECT
  public:
    InspectPage(Workspace& workspace, QWidget* parent = nullptr);
    ~InspectPage() override;

    QString title() const override;
    bool settled() const override;
    QWidget* firstFocus() override;

    HeatmapView& view() const { return *m_view; }
    SnapshotSlider& slider() const { return *m_slider; }

  protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    void build();
    QWidget* buildTools();
    void addActions();
    void addAction(const QString& id, const QString& text, const QKeySequence& key, std::function<void()> act,
                   const QString& icon = {});
    void connectLoader();
    void openCurrent();
    void take(const SourceFacts& facts, bool fresh);
    void showStep();
    std::vector<std::int64_t> readableSteps() const;
    void follow();
    void viewChanged();
    void showChoices();

    QStackedLayout* m_stack;
    QSplitter* m_split;
    QWidget* m_content;
    EmptyState* m_empty;
    Banner* m_banner;
    Breadcrumb* m_trail;
    QComboBox *m_colouring, *m_palette;
    QToolButton* m_contrast;
    HeatmapView* m_view;
    ColourLegend* m_legend;
    SnapshotSlider* m_slider;
    QLabel* m_readOut;
    MatrixPanel* m_panel;
    MaskLoader m_loader;
    QTimer m_followTimer;  ///< at most four looks a second at a run that goes on
    QList<QAction*> m_actions;
    std::list<DetailPtr> m_details;
    std::filesystem::path m_shownRun;
    QString m_shownModel;
    SourceFacts m_facts;
    QStringList m_problems;
    std::set<std::int64_t> m_unreadable;  ///< steps whose map is torn
    QMetaObject::Connection m_recordChanged;
    bool m_opened = false, m_stale = false, m_opening = false;
};

}  // namespace tessera::ui
