#!/usr/bin/env python3
"""Makes tests/data/formats/gguf_blocks.json: quantised blocks of random bytes (finite scales of every size and
sign) and what the `gguf` package (0.19 from PyPI) dequantises them to, as SHA-256 of the f32 values and the bits of
some of them. Q8_K, which the package only sizes, is its definition: an f32 scale times 256 signed bytes.
    make_gguf_blocks.py tests/data/formats/gguf_blocks.json"""
import base64
import hashlib
import json
import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Q
from gguf.quants import dequantize

# Where the f16 scales of a block are.
HALVES = {Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q2_K: [80, 82], Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2],
          Q.Q6_K: [208], Q.Q8_K: [], Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q8_0: [0]}
random = np.random.default_rng(17)
cases = []
for kind, halves in HALVES.items():
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, size=(1536 // elements, size), dtype=np.uint8)
    for at in halves:
        infinite = (blocks[:, at + 1] & 0x7C) == 0x7C
        blocks[infinite, at + 1] &= 0x83
    if kind == Q.Q8_K:
        blocks[:, 3] &= 0xBF
        scales = blocks[:, :4].copy().view(np.float32)
        values = (scales * blocks[:, 4:260].view(np.int8).astype(np.float32)).reshape(-1)
    else:
        values = dequantize(blocks, kind).reshape(-1)
    values = np.ascontiguousarray(values, dtype=np.float32)
    assert np.isfinite(values).all()
    cases.append({"type": kind.name.lower(), "number": int(kind), "elements": int(values.size),
                  "bytes": base64.b64encode(blocks.tobytes()).decode(),
                  "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
                  "first_bits": [int(v) for v in values[:300:13].view(np.uint32)]})
with open(sys.argv[1], "w") as out:
    json.dump(cases, out, indent=0)
    out.write("\n")
