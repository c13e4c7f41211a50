#include "app/cli/console.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "core/base/error.h"
#include "core/session/run_directory.h"

namespace tessera::cli {

namespace {

volatile std::sig_atomic_t interruptions = 0;

void onSignal(int) {
    interruptions = interruptions + 1;
    auto& control = signalControl();
    control.stop.store(true);
    if (interruptions > 1) control.interrupt.request();
}

std::string number(double value, const char* format = "%.4g") {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

}  // namespace

RunControl& signalControl() {
    static RunControl* control = [] {
        auto* made = new RunControl;
        return made;
    }();
    static const bool installed = [] {
        struct sigaction action {};
        action.sa_handler = onSignal;
        sigaction(SIGINT, &action, nullptr);
        sigaction(SIGTERM, &action, nullptr);
        return true;
    }();
    (void)installed;
    return *control;
}

bool interrupted() {
    return interruptions > 0;
}

void Console::document(const Json& value) const {
    if (!json) return;
    std::fputs((dumpLine(value) + "\n").c_str(), stdout);
    std::fflush(stdout);
}

void Console::line(const std::string& text) const {
    if (!json) std::fputs((text + "\n").c_str(), stdout);
}

void Console::progress(const std::string& text, double done, double total) const {
    if (json) {
        const Json line{{"type", "progress"}, {"text", text}, {"done", done}, {"total", total}};
        std::fputs((dumpLine(line) + "\n").c_str(), stderr);
    } else {
        std::fprintf(stderr, ::isatty(2) ? "\r\033[K%s" : "%s\n", text.c_str());
    }
    std::fflush(stderr);
}

void Console::endProgress() const {
    if (!json && ::isatty(2)) std::fputs("\r\033[K", stderr);
}

std::string humanBytes(std::uint64_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value < 1e6) return number(value / 1e3, "%.0f kB");
    return value < 1e9 ? number(value / 1e6, "%.0f MB") : number(value / 1e9, "%.1f GB");
}

std::string humanSeconds(double seconds) {
    if (seconds < 90) return number(seconds, "%.0f s");
    return seconds < 5400 ? number(seconds / 60, "%.0f min") : number(seconds / 3600, "%.1f h");
}

void EventPrinter::emit(const Event& event) {
    const std::lock_guard lock(m_mutex);
    if (m_console.json) {
        m_console.document(event.json);
        return;
    }
    const auto& json = event.json;
    const auto text = [&](const char* key) {
        return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string();
    };
    const auto real = [&](const char* key) {
        return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0.0;
    };
    if (event.type == "phase") {
        m_console.progress("[" + text("phase") + "]");
    } else if (event.type == "step" && text("unit") == "step") {
        const auto step = static_cast<long long>(real("step")), steps = static_cast<long long>(real("steps"));
        m_console.progress("step " + std::to_string(step) + " of " + std::to_string(steps) +
                           "  cross-entropy " + number(real("ce"), "%.3f") +
                           (real("kl") > 0 ? "  divergence " + number(real("kl"), "%.3f") : "") + "  open " +
                           number(100 * real("density"), "%.1f") + " %" +
                           (json.contains("tau") ? "  temperature " + number(real("tau"), "%.3f") : "") +
                           "  " + number(real("seconds"), "%.2f") + " s a step, " +
                           humanSeconds(real("seconds") * static_cast<double>(steps - step)) + " left");
    } else if (event.type == "step" && ::isatty(2)) {
        m_console.progress(text("unit") + " " + number(real("step"), "%.0f") + " of " +
                           number(real("steps"), "%.0f"));
    } else if (event.type == "log") {
        m_console.progress(text("text"));
        if (::isatty(2)) std::fputc('\n', stderr);
    } else if (event.type == "metric") {
        m_console.progress(text("what") + " " + text("metric") + " " + number(real("value")));
        if (::isatty(2)) std::fputc('\n', stderr);
    } else if (event.type == "state" || event.type == "resumed") {
        const auto what = event.type == "resumed"
                              ? "resumed at step " + number(real("step"), "%.0f")
                              : text("state") + (text("run").empty() ? "" : ": " + text("run"));
        m_console.progress(what);
        if (::isatty(2)) std::fputc('\n', stderr);
    }
}

void keepBeside(const std::filesystem::path& run, const std::string& what, const Json& document) {
    try {
        RunDirectory::open(run).writeMeasurement(what, document);
    } catch (const Error& error) {
        std::fprintf(stderr, "tessera-cli: the measurement is not kept: %s\n", error.what());
    }
}

CLI::App* addCommand(Commands& parent, const std::string& name, const std::string& help, Console& console) {
    auto* command = parent.add_subcommand(name, help);
    command->add_flag("--json", console.json,
                      "machine-readable output on standard output, and nothing else there");
    return command;
}

}  // namespace tessera::cli
