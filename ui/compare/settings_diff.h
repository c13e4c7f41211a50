#pragma once

#include <QString>
#include <QStringList>
#include <vector>

#include "core/base/json.h"

namespace tessera::ui {

/// What one run was asked to do: its spec.json, the values that its options had, what it ran on.
struct RunSettings {
    Json spec, options, machine;
};

/// One setting in which the runs differ; a value a run, "–" where its method has no such setting.
struct SettingRow {
    QString name;
    QStringList values;
};

/// The settings that are not the same in all runs, in the order of the spec, then the options by name, then
/// the machine. An option that only some of the methods have is listed only where it was set by hand or
/// differs between those that have it: else every option of a method would be a difference.
std::vector<SettingRow> differingSettings(const std::vector<RunSettings>& runs);

}  // namespace tessera::ui
