// The form makes the specification that it shows, and says at each field what is wrong with it.
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>

#include "ui/client/client_support.h"
#include "ui/client/libraries.h"
#include "ui/run/option_editors.h"
#include "ui/run/preflight_card.h"
#include "ui/run/remedies.h"
#include "ui/run/run_form.h"
#include "ui/run/run_widgets.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;

namespace {

template <typename Widget>
Widget* field(const QWidget& form, const char* name) {
    return form.findChild<Widget*>(QStringLiteral("field.") + QLatin1String(name));
}

void choose(QComboBox* box, const QString& data) {
    box->setCurrentIndex(box->findData(data));
}

/// A value that the option takes and does not have.
QString another(const OptionDescription& option, const QString& now) {
    switch (option.type) {
        case OptionType::Boolean:
            return now == QLatin1String("true") ? QStringLiteral("false") : QStringLiteral("true");
        case OptionType::Choice:
            for (const auto& choice : option.choices)
                if (choice != now.toStdString()) return QString::fromStdString(choice);
            return {};
        case OptionType::Tile:
            return QStringLiteral("64x64");
        case OptionType::List:
            return QStringLiteral("*.q_proj.*,lm_head");
        case OptionType::Text:
            return QStringLiteral("magnitude");
        case OptionType::Integer:
            return QString::number(now.toDouble() < option.greatest ? now.toInt() + 1 : now.toInt() - 1);
        case OptionType::Real:
            break;
    }
    return QString::number(
        (now.toDouble() + (now.toDouble() == option.least ? option.greatest : option.least)) / 2);
}

Json documentOf(double needed, double free) {
    return {{"memory", {{"needed", needed}, {"free", free}, {"assumption", "batch 4, bf16"}}},
            {"disk", {{"needed", 1 << 20}, {"free", 1 << 30}, {"assumption", "two checkpoints"}}},
            {"seconds",
             {{"step", 0.5},
              {"steps", 400},
              {"total", 230.0},
              {"measured", true},
              {"assumption", "one real step"}}},
            {"levers",
             {{{"for", "memory"},
               {"option", "batch"},
               {"value", "1"},
               {"text", "One window at a time: 300 MiB"}}}}};
}

}  // namespace

class RunFormTest : public QObject {
    Q_OBJECT

    Home m_home;

  private Q_SLOTS:
    void initTestCase() {
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((m_home / "settings").string()));
    }

    void defaultsAreALeapRunOnTheStarter() {
        ModelLibrary models;
        RunForm form(models);
        form.setModel(QStringLiteral("starter"));
        const Json expected{
            {"model", "starter"}, {"method", "leap"}, {"pattern", "unstructured"}, {"sparsity", 0.7},
            {"seed", 0},          {"threads", 0},     {"dtype", "bf16"},           {"set", Json::object()}};
        QCOMPARE(QString::fromStdString(form.spec().dump()), QString::fromStdString(expected.dump()));
        const auto spec = form.check();
        QVERIFY(spec);
        QVERIFY(!spec->steps && !spec->minutes);
        QCOMPARE(QString::fromStdString(spec->commandLine()),
                 QStringLiteral("tessera-cli run --model starter --method leap --sparsity 0.7"));
        // Another model has another usual sparsity, until the person has chosen one.
        form.setModel(QStringLiteral("/models/other"));
        QCOMPARE(form.spec()["sparsity"].get<double>(), 0.5);
        field<QDoubleSpinBox>(form, "sparsity")->setValue(33.3);
        form.setModel(QStringLiteral("starter"));
        QCOMPARE(form.spec()["sparsity"].get<double>(), 0.333);
    }

    void everyFieldGoesIntoTheSpecification() {
        ModelLibrary models;
        RunForm form(models);
        form.setModel(QStringLiteral("starter"));
        choose(field<QComboBox>(form, "method"), QStringLiteral("wanda"));
        field<QComboBox>(form, "pattern")->setCurrentText(QStringLiteral("2:4"));
        QVERIFY(!field<QDoubleSpinBox>(form, "sparsity")->isEnabled());  // the pattern says it
        QCOMPARE(form.spec()["sparsity"].get<double>(), 0.5);
        QVERIFY(!form.spec().contains("steps"));
        QVERIFY(form.check());
        // MaskLLM begins with 2:4, offered once.
        choose(field<QComboBox>(form, "method"), QStringLiteral("maskllm"));
        const auto* patterns = field<QComboBox>(form, "pattern");
        QCOMPARE(patterns->currentText(), QStringLiteral("2:4"));
        QCOMPARE(patterns->findText(QStringLiteral("2:4")), 0);
        QCOMPARE(patterns->count(), 3);
        QCOMPARE(form.spec()["sparsity"].get<double>(), 0.5);
        QVERIFY(form.check());
        choose(field<QComboBox>(form, "method"), QStringLiteral("patch-joint"));
        QCOMPARE(form.spec()["pattern"].get<std::string>(), std::string("tiles"));
        QCOMPARE(field<QDoubleSpinBox>(form, "sparsity")->maximum(), 50.0);
        QVERIFY(form.check());
        choose(field<QComboBox>(form, "method"), QStringLiteral("patch-tile"));
        QCOMPARE(form.spec()["pattern"].get<std::string>(), std::string("tiles"));
        QVERIFY(form.spec()["sparsity"].get<double>() <= 0.5);
        QCOMPARE(field<QDoubleSpinBox>(form, "sparsity")->maximum(), 50.0);
        choose(field<QComboBox>(form, "method"), QStringLiteral("leap"));
        QVERIFY(field<QDoubleSpinBox>(form, "sparsity")->isEnabled());
        button(form, QStringLiteral("Steps"))->click();
        field<QSpinBox>(form, "steps")->setValue(123);
        QCOMPARE(form.spec()["steps"].get<int>(), 123);
        button(form, QStringLiteral("Minutes"))->click();
        field<QDoubleSpinBox>(form, "minutes")->setValue(2.5);
        QCOMPARE(form.spec()["minutes"].get<double>(), 2.5);
        QVERIFY(!form.spec().contains("steps"));
        field<QLineEdit>(form, "seed")->setText(QStringLiteral("9007199254740992"));
        field<QSpinBox>(form, "threads")->setValue(3);
        field<QComboBox>(form, "dtype")->setCurrentText(QStringLiteral("f32"));
        const auto spec = form.check();
        QVERIFY(spec);
        QCOMPARE(spec->seed, std::uint64_t(9007199254740992));
        QCOMPARE(spec->threads, 3);
        QCOMPARE(spec->dtype, std::string("f32"));
    }

    void everyOptionOfEveryMethodHasAnEditor() {
        ModelLibrary models;
        RunForm form(models);
        form.setModel(QStringLiteral("starter"));
        for (const auto& method : methodDescriptions()) {
            choose(field<QComboBox>(form, "method"), QString::fromStdString(method.name));
            int seen = 0;
            for (const auto& option : optionDescriptions()) {
                const auto key = QString::fromStdString(option.key);
                auto* row = form.options().row(key);
                QVERIFY2(bool(row) == option.belongsTo(method.name), qPrintable(key));
                if (!row) continue;
                ++seen;
                QVERIFY2(!row->editor()->accessibleName().isEmpty(), qPrintable(key));
                QVERIFY2(row->editor()->accessibleDescription() == QString::fromStdString(option.help),
                         qPrintable(key));
                const bool right =
                    option.type == OptionType::Integer   ? bool(qobject_cast<QSpinBox*>(row->editor()))
                    : option.type == OptionType::Boolean ? bool(qobject_cast<QCheckBox*>(row->editor()))
                    : option.type == OptionType::Choice  ? bool(qobject_cast<QComboBox*>(row->editor()))
                                                         : bool(qobject_cast<QLineEdit*>(row->editor()));
                QVERIFY2(right, qPrintable(key));
                // It begins with the recipe's value, which is not given; another one is.
                QCOMPARE(row->value(),
                         QString::fromStdString(option.toJson(method.name)["default"].get<std::string>()));
                QVERIFY2(!form.spec()["set"].contains(option.key), qPrintable(key));
                const auto other = another(option, row->value());
                row->setValue(other);
                const auto set = form.spec()["set"];
                QVERIFY2(set.contains(option.key), qPrintable(key + QLatin1Char('=') + other));
                QCOMPARE(set.size(), std::size_t(1));
                QVERIFY2(form.check(), qPrintable(key + QLatin1Char('=') + other + QLatin1String(": ") +
                                                  problems(form).join(QLatin1Char(' '))));
                row->reset();
                QVERIFY(form.spec()["set"].empty());
            }
            QCOMPARE(seen, form.options().keys().size());
        }
    }

    void theRecipeMovesWhatWasLeftAlone() {
        ModelLibrary models;
        RunForm form(models);
        form.setModel(QStringLiteral("starter"));
        auto& options = form.options();
        options.row(QStringLiteral("batch"))->setValue(QStringLiteral("2"));
        auto* recipe = qobject_cast<QComboBox*>(options.row(QStringLiteral("recipe"))->editor());
        recipe->setCurrentText(QStringLiteral("paper"));
        QCOMPARE(options.row(QStringLiteral("lr"))->value(), QStringLiteral("1e-3"));
        QCOMPARE(QString::fromStdString(form.spec()["set"].dump()),
                 QStringLiteral("{\"recipe\":\"paper\",\"batch\":\"2\"}"));
        // What the form shows is what the engine takes.
        const auto spec = form.check();
        QVERIFY(spec);
        const auto effective = spec->set.effective();
        for (const auto& key : options.keys())
            QCOMPARE(QString::fromStdString(effective[key.toStdString()].get<std::string>()),
                     options.row(key)->value());
        // The same number, written otherwise, is no change.
        options.row(QStringLiteral("lr"))->setValue(QStringLiteral("0.001"));
        QVERIFY(!form.spec()["set"].contains("lr"));
    }

    void whatIsWrongIsSaidAtTheField() {
        ModelLibrary models;
        RunForm form(models);
        form.setModel(QStringLiteral("starter"));
        QVERIFY(problems(form).isEmpty());
        auto* seed = field<QLineEdit>(form, "seed");
        QTest::keyClicks(seed, QStringLiteral("x"));
        QCOMPARE(problems(form).size(), 1);
        QVERIFY(problems(form)[0].contains(QLatin1String("whole number")));
        QCOMPARE(form.wrongField(), seed);
        QVERIFY(seed->property("invalid").toBool());
        seed->setText(QStringLiteral("4"));
        QVERIFY(form.check());
        QVERIFY(problems(form).isEmpty() && !seed->property("invalid").toBool());

        auto* lr = qobject_cast<QLineEdit*>(form.options().row(QStringLiteral("lr"))->editor());
        lr->setText(QStringLiteral("fast"));
        QVERIFY(!form.check());
        QVERIFY(problems(form)[0].contains(QLatin1String("from 0 to 1")));
        QCOMPARE(form.wrongField(), lr);
        QVERIFY(!form.options().isHidden());  // opened: nobody searches for what is wrong
        lr->setText(QStringLiteral("2e-3"));

        choose(field<QComboBox>(form, "method"), QStringLiteral("wanda"));
        field<QComboBox>(form, "pattern")->setCurrentText(QStringLiteral("5:4"));
        QVERIFY(!form.check());
        QCOMPARE(form.wrongField(), field<QComboBox>(form, "pattern"));
        field<QComboBox>(form, "pattern")->setCurrentText(QStringLiteral("3:4"));
        QVERIFY(form.check());
        QCOMPARE(form.spec()["sparsity"].get<double>(), 0.25);
    }

    void specificationsGoThroughTheFormUnchanged() {
        ModelLibrary models;
        RunForm form(models);
        const Json given{
            {"model", "/models/mine.gguf"},
            {"method", "patch-tile"},
            {"pattern", "tiles"},
            {"sparsity", 0.35},
            {"text", {"/a/b.txt", "/c.jsonl"}},
            {"steps", 77},
            {"seed", 12},
            {"threads", 2},
            {"dtype", "f32"},
            {"set", {{"tile", "64x128"}, {"batch", "2"}, {"centring", "false"}, {"lr", "3e-4"}}}};
        form.setSpec(given);
        const auto spec = form.check();
        QVERIFY(spec);
        QCOMPARE(QString::fromStdString(spec->toJson().dump()),
                 QString::fromStdString(ExperimentSpec::fromJson(given).toJson().dump()));
        QVERIFY(form.apply(QStringLiteral("batch"), QStringLiteral("1")));
        QVERIFY(form.apply(QStringLiteral("minutes"), QStringLiteral("10")));
        QCOMPARE(form.spec()["set"]["batch"].get<std::string>(), std::string("1"));
        QCOMPARE(form.spec()["minutes"].get<double>(), 10.0);
        QVERIFY(!form.spec().contains("steps"));
        QVERIFY(!form.apply(QStringLiteral("nonsense"), QStringLiteral("1")));
    }

    /// The line under the text says where what is learned from comes from.
    void theTextsOriginIsSaid() {
        ModelLibrary models;
        RunForm form(models);
        const auto says = [&](const char* part) {
            for (const auto* label : form.findChildren<QLabel*>())
                if (label->text().contains(QLatin1String(part))) return true;
            return false;
        };
        QVERIFY(says("The installed default text"));
        QVERIFY(form.apply(QStringLiteral("own_samples"), QStringLiteral("0.25")));
        QVERIFY(says("The model writes 25 % of what it learns from"));
        QVERIFY(form.apply(QStringLiteral("own_samples"), QStringLiteral("1")));
        QVERIFY(says("Written by the model itself; it is measured on a part of the installed default text"));
        QVERIFY(!says("held out"));
    }

    void optionsAreFoundByWords() {
        OptionEditors editors;
        editors.setMethod("leap");
        editors.show();
        auto* search = editors.findChild<QLineEdit*>(QString(), Qt::FindDirectChildrenOnly);
        search->setText(QStringLiteral("learning rate peak"));
        QStringList seen;
        for (const auto& key : editors.keys())
            if (editors.row(key)->isVisible()) seen << key;
        QCOMPARE(seen, QStringList{QStringLiteral("lr")});
        search->clear();
        for (const auto& key : editors.keys()) QVERIFY2(editors.row(key)->isVisible(), qPrintable(key));
    }

    void preflightSaysWhatFitsAndOffersALever() {
        PreflightCard card;
        const auto texts = [&] {
            QString all;
            for (const auto* label : card.findChildren<QLabel*>())
                if (!label->isHidden()) all += label->text() + QLatin1Char('\n');
            return all;
        };
        QSignalSpy steps(&card, &PreflightCard::stepsKnown), lever(&card, &PreflightCard::leverPulled);
        card.show(documentOf(3.0 * (1 << 30), 1 << 30));
        QVERIFY(texts().contains(QLatin1String("3.00 GiB, but only 1.00 GiB are free")));
        QVERIFY(texts().contains(QLatin1String("Batch 4, bf16.")));
        QVERIFY(texts().contains(QLatin1String("About 3 min 50 s: 400 steps of 500 ms")));
        QCOMPARE(steps.size(), 1);
        auto* pull = button(card, QStringLiteral("One window at a time: 300 MiB"));
        QVERIFY(pull);
        pull->click();
        QCOMPARE(lever.size(), 1);
        QCOMPARE(lever[0][0].toString(), QStringLiteral("batch"));
        QCOMPARE(lever[0][1].toString(), QStringLiteral("1"));
        card.rest(QStringLiteral("Not measured while a run is going."));
        QVERIFY(card.settled());
        QVERIFY(texts().contains(QLatin1String("Not measured")) && !texts().contains(QLatin1String("GiB")));
    }

    void remediesComeWithoutFlags() {
        const auto list =
            remediesOf({{"remedies",
                         {{{"text", "learn with fewer windows at a time: --set batch=1"},
                           {"option", "batch"},
                           {"value", "1"}},
                          {{"text", "choose a smaller model"}, {"option", "model"}, {"value", ""}}}}});
        QCOMPARE(list.size(), std::size_t(2));
        QCOMPARE(list[0].text, QStringLiteral("Learn with fewer windows at a time"));
        QVERIFY(list[1].option.isEmpty());
        QVERIFY(remediesOf(nullptr).empty());
        const QPair<const char*, const char*> told[] = {
            {"choose a folder you can write to with --out", "choose a folder you can write to"},
            {"give a longer text with --text, or shorter windows with --set context=N",
             "give a longer text, or shorter windows"},
            {"name a text of your own with --text FILE", "name a text of your own"},
            {"raise the damping, for example --set damping=0.1", "raise the damping"},
            {"use --dtype f32, or an intact copy of the model",
             "use dtype f32, or an intact copy of the model"},
            {"keep the two-by-two tiles", "keep the two-by-two tiles"}};
        for (const auto& [said, shown] : told)
            QCOMPARE(remediesOf({{"remedies", {{{"text", said}}}}}).front().text, QLatin1String(shown));
    }
};

QTEST_MAIN(RunFormTest)
#include "tst_run_form.moc"
