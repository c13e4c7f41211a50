#include "ui/run/remedies.h"

#include "ui/client/sentences.h"

namespace tessera::ui {

std::vector<OfferedRemedy> remediesOf(const Json& error) {
    std::vector<OfferedRemedy> list;
    if (!error.is_object() || !error.contains("remedies") || !error["remedies"].is_array()) return list;
    for (const auto& remedy : error["remedies"]) {
        OfferedRemedy offered{textAt(remedy, "text"), textAt(remedy, "option"), textAt(remedy, "value")};
        if (offered.text.isEmpty()) continue;
        // Without a value there is nothing that a button could set.
        if (offered.value.isEmpty()) offered.option.clear();
        if (!offered.option.isEmpty()) {
            const auto flag = offered.text.indexOf(QLatin1String(": --"));
            if (flag > 0) offered.text.truncate(flag);
            offered.text = asSentence(offered.text).chopped(1);
        }
        list.push_back(offered);
    }
    return list;
}

}  // namespace tessera::ui
