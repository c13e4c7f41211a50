#!/usr/bin/env python3
"""Makes tests/data/text/character_classes.json: the characters that the `tokenizers` library (0.22) finds by each class
of its regular expressions, as ranges.
    make_character_classes.py tests/data/text/character_classes.json"""
import json
import sys

from tokenizers import Regex, normalizers

CHARACTERS = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]


def matched(pattern):
    """What replacing by nothing takes away."""
    normalizer = normalizers.Replace(Regex(pattern), "")
    ranges = []
    for i in range(0, len(CHARACTERS), 5000):
        part = CHARACTERS[i : i + 5000]
        left = set(normalizer.normalize_str("".join(map(chr, part))))
        for c in part:
            if chr(c) in left:
                continue
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
    return ranges


with open(sys.argv[1], "w") as out:
    json.dump({p: matched(p) for p in [r"\s", r"\w", r"\d", r"\h", r"\p{L}", r"\p{N}", r"\p{Han}"]}, out, separators=(",", ":"))
    out.write("\n")
