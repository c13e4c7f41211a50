#!/usr/bin/env python3
"""Makes tests/data/text/starter_ids.json with the `tokenizers` library (0.23 from PyPI):
    make_starter_ids.py resources/starter/tokenizer.json tests/data/text/starter_ids.json"""
import json
import sys

from tokenizers import Tokenizer

TEXTS = [
    "",
    "Hello, world!",
    "The quick brown fox jumps over the lazy dog.",
    "  leading spaces,   many   spaces, trailing   ",
    "tabs\tand\nnew\n\nlines\r\n",
    "It's we'll you've they're I'm he'd don't",
    "Numbers: 1 12 123 1234 12345 3.14159 1,000,000",
    "def f(x):\n    return x ** 2  # comment",
    "caf\u00e9 na\u00efve \u00fcber stra\u00dfe \u65e5\u672c\u8a9e \U0001f600 \u0645\u0631\u062d\u0628\u0627",
    "In the beginning God created the heaven and the earth.",
    "apt-get install --no-install-recommends package=1.2.3-4",
    "<|endoftext|>special<|endoftext|>",
    "e\u0301 combining, \u00a0 no-break, \u200b zero width, \u3000 wide space",
    "_under_score__ CamelCase ALLCAPS aBcD",
]
tokenizer = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], "w") as out:
    json.dump([{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS], out, indent=0)
    out.write("\n")
