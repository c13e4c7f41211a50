#pragma once

#include <array>

namespace tessera {

/// What `export` writes of a finished run: the command line, its help and the window's choice are made from
/// this.
struct ExportFormat {
    const char* name;
    const char* title;
    const char* help;
    const char* suffix;  ///< of the file; empty: it is a folder
};
inline constexpr std::array<ExportFormat, 4> kExportFormats{{
    {"hf", "Hugging Face folder", "weights with zeros where they are pruned, for any engine", ""},
    {"gguf", "GGUF file", "one file with its tokenizer, for llama.cpp and what builds on it", ".gguf"},
    {"tessera", "Packed container",
     "the weights that are kept, packed for decoding at once with this program", ".tessera"},
    {"npz", "Mask file", "the masks alone, one bit a weight, for NumPy and PATCH's tools", ".npz"},
}};

}  // namespace tessera
