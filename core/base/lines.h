#pragma once

#include <cstddef>
#include <string_view>

namespace tessera {

/// Calls visit(line, number) for each line of `content` that is not blank; numbers count from 1, blank lines
/// too.
template <typename Visit>
void eachLine(std::string_view content, Visit&& visit) {
    std::size_t number = 1;
    for (std::size_t begin = 0; begin < content.size(); ++number) {
        auto end = content.find('\n', begin);
        if (end == std::string_view::npos) end = content.size();
        const auto line = content.substr(begin, end - begin);
        begin = end + 1;
        if (line.find_first_not_of(" \t\r") != std::string_view::npos) visit(line, number);
    }
}

}  // namespace tessera
