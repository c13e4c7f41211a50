#include <cairo-svg.h>

#include <memory>

#include "core/base/error.h"
#include "core/report/drawing.h"
#include "core/report/figures.h"
#include "core/report/html.h"

namespace tessera {

namespace {

cairo_status_t append(void* closure, const unsigned char* data, unsigned int length) {
    static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
}

/// Cairo numbers its definitions anew in every drawing; in one page they must differ. None of the three
/// spellings can occur inside base64 image data.
std::string withPrefixedIds(const std::string& svg, const std::string& prefix) {
    static const std::string kSpellings[] = {" id=\"", "url(#", "href=\"#"};
    std::string result;
    result.reserve(svg.size() + svg.size() / 16);
    for (std::size_t i = 0; i < svg.size();) {
        bool matched = false;
        for (const std::string& spelling : kSpellings)
            if (svg.compare(i, spelling.size(), spelling) == 0) {
                result += spelling + prefix;
                i += spelling.size();
                matched = true;
                break;
            }
        if (!matched) result += svg[i++];
    }
    return result;
}

}  // namespace

std::string renderSvg(const Figure& figure, const std::string& prefix) {
    std::string svg;
    {
        std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
            cairo_svg_surface_create_for_stream(append, &svg, figure.width, figure.height),
            cairo_surface_destroy);
        std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), cairo_destroy);
        figure.draw(cairo.get());
        cairo_surface_finish(surface.get());
        if (cairo_status(cairo.get()) != CAIRO_STATUS_SUCCESS)
            throw Error(
                ErrorCode::Internal,
                std::string("could not draw a figure: ") + cairo_status_to_string(cairo_status(cairo.get())),
                figure.title);
    }
    const std::size_t open = svg.find("<svg");
    const std::size_t begin = open == std::string::npos ? open : svg.find('>', open);
    if (begin == std::string::npos)
        throw Error(ErrorCode::Internal, "Cairo wrote no SVG element", figure.title);
    const std::string size =
        std::to_string(int(figure.width)) + " " + std::to_string(int(figure.height + 0.5));
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
           "class=\"plot\" "
           "role=\"img\" aria-label=\"" +
           escapeHtml(figure.title + ". " + figure.description) + "\" viewBox=\"0 0 " + size + "\">" +
           withPrefixedIds(svg.substr(begin + 1), prefix);
}

}  // namespace tessera
