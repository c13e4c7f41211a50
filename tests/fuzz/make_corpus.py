"""Writes the seeds of tests/fuzz/corpus: one or more small, right files a format, Python's standard library alone.
Finds that were mended stand beside them, as crash-*; this program leaves them. So it does with corpus/container: those
are `tessera-cli export --format tessera` of a random Llama of one block (hidden size 16) with corpus/tokenizer_json/gpt_2,
pruned by magnitude to 50 % (bitmap), by magnitude to 2:4 (nibble, q8), and by PATCH-Tile to 30 % in tiles of 8 (hybrid)."""
import io
import json
import math
import os
import shutil
import struct
import zipfile

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "data")


def put(form, name, content):
    folder = os.path.join(here, "corpus", form)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())


def safetensors(tensors):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


put("safetensors", "three", safetensors({
    "a": ("F32", [2, 3], struct.pack("<6f", *range(6))),
    "b": ("BF16", [4], struct.pack("<4H", 0x3f80, 0x4000, 0xbf80, 0)),
    "c": ("F16", [1, 2, 2], struct.pack("<4e", 1, 2, -3, 0.5)),
}))
put("safetensors", "none", safetensors({}))


def gguf_text(text):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text)) + text


def gguf_value(value):
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_text(value)
    kind = {str: 8, int: 5, float: 6}[type(value[0])]
    items = b"".join(gguf_text(v) if kind == 8 else struct.pack("<i" if kind == 5 else "<f", v) for v in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + items


def gguf(metadata, tensors, version=3):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        out += gguf_text(key) + gguf_value(value)
    body = b""
    for name, (kind, shape, content) in tensors.items():
        out += gguf_text(name) + struct.pack("<I", len(shape))
        out += b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", kind, len(body))
        body += content + bytes(-len(content) % 32)
    return out + bytes(-len(out) % 32) + body


# (type, bytes of a block, weights of a block) by llama.cpp's numbers.
KINDS = {"f32": (0, 4, 1), "f16": (1, 2, 1), "q4_0": (2, 18, 32), "q4_1": (3, 20, 32), "q5_0": (6, 22, 32),
         "q5_1": (7, 24, 32), "q8_0": (8, 34, 32), "q4_k": (12, 144, 256), "q5_k": (13, 176, 256),
         "q6_k": (14, 210, 256), "bf16": (30, 2, 1)}


def stored(kind, *shape):
    number, size, weights = KINDS[kind]
    return number, list(shape), bytes(i % 251 for i in range(math.prod(shape) // weights * size))


vocabulary = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)] + ["\u2581", "T", "h", "e", "he", "The"]
spm = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": vocabulary,
       "tokenizer.ggml.scores": [-float(i) for i in range(len(vocabulary))],
       "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * 6,
       "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2}
letters = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
gpt2 = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": letters + ["Th", "The"],
        "tokenizer.ggml.token_type": [1] * (len(letters) + 2), "tokenizer.ggml.merges": ["T h", "Th e"],
        "tokenizer.ggml.eos_token_id": 0}


def llama(tokenizer, kinds):
    words = len(tokenizer["tokenizer.ggml.tokens"])
    meta = {"general.architecture": "llama", "general.alignment": 32, "llama.block_count": 1,
            "llama.context_length": 64, "llama.embedding_length": 256, "llama.feed_forward_length": 256,
            "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2, "llama.rope.freq_base": 10000.0,
            "llama.attention.layer_norm_rms_epsilon": 1e-5} | tokenizer
    kind = iter(kinds * 9)
    t = {"token_embd.weight": stored(next(kind), words, 256), "output_norm.weight": stored("f32", 256)}
    for name, shape in {"attn_norm": (256,), "ffn_norm": (256,), "attn_q": (256, 256), "attn_k": (128, 256),
                        "attn_v": (128, 256), "attn_output": (256, 256), "ffn_gate": (256, 256),
                        "ffn_up": (256, 256), "ffn_down": (256, 256)}.items():
        t[f"blk.0.{name}.weight"] = stored("f32" if "norm" in name else next(kind), *shape)
    return meta, t


# No tensor data: what libFuzzer changes are the descriptions; sizes are then wrong, and must be found so.
put("gguf", "spm", gguf(spm, {}))
put("gguf", "gpt2_v2", gguf(gpt2, {}, 2))
put("gguf", "blocks", gguf({"general.architecture": "llama"},
                           {kind: stored(kind, 1, 256) for kind in KINDS}))
small, parts = llama({"tokenizer.ggml.tokens": ["a"]}, ["q4_0", "q6_k"])
small.update({"llama.embedding_length": 32, "llama.feed_forward_length": 32})
put("gguf", "one_block", gguf(small, {
    name: stored("f32" if len(shape) == 1 else "q4_0", *[min(n, 32) // (2 if n == 128 else 1) for n in shape])
    for name, (_, shape, _) in parts.items()}))

cases = json.load(open(os.path.join(data, "text", "tokenizer_cases.json"), encoding="utf-8"))
# Every fifth pipeline, with its vocabulary: all kinds of parts are among them.
for case in cases["cases"][::5]:
    text = json.dumps(case["parts"] | {"model": cases["models"][case["model"]]}, ensure_ascii=False)
    if len(text.encode()) <= 24000:
        put("tokenizer_json", "".join(c if c.isalnum() else "_" for c in case["name"]), text)
for name in ("tiny_bpe", "tiny_unigram", "tiny_user"):
    os.makedirs(os.path.join(here, "corpus", "sentencepiece"), exist_ok=True)
    shutil.copyfile(os.path.join(data, "text", name + ".model"), os.path.join(here, "corpus", "sentencepiece", name))
for family in sorted(os.listdir(os.path.join(data, "families"))):
    put("model_config", family, open(os.path.join(data, "families", family, "config.json")).read())


def npy(kind, shape, content):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def npz(arrays, how):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in arrays.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content)
    return out.getvalue()


mask = {"model.layers.0.mlp.up_proj.weight": npy("|u1", [4, 2], bytes([0xaa, 0x55] * 4))}
meta = json.dumps({"model.layers.0.mlp.up_proj.weight": [4, 16]}).encode()
for how, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
    put("npz", name, npz(mask | {"__meta__": npy("|u1", [len(meta)], meta), "x": npy("<f4", [2, 2], bytes(16)),
                                 "flags": npy("|b1", [3], b"\1\0\1")}, how))

put("spec", "leap", json.dumps({"model": "starter", "method": "leap", "sparsity": 0.5, "minutes": 3.5, "seed": 7,
                                "text": ["a.txt"], "set": {"lr": 0.001, "prior_form": "binary", "centring": False}}))
put("spec", "patch", json.dumps({"model": "starter", "method": "patch-tile", "pattern": "tiles", "sparsity": 0.25,
                                 "steps": 10, "set": {"tile": "64x64", "base": "magnitude", "exclude": "*.q_proj.*"}}))
put("spec", "wanda", json.dumps({"model": "x.gguf", "method": "wanda", "pattern": "2:4", "dtype": "f32", "threads": 2,
                                 "out": "runs/a", "set": {"recipe": "paper", "finish": "optima"}}))

step = {"time": "2026-01-01T00:00:00Z", "unit": "step", "steps": 9, "loss": 3.5, "ce": 4.0, "kl": 1.0, "density": 0.5,
        "tau": 2.0}
log = [{"type": "phase", "phase": "learn"}] + [{"type": "step", "step": i} | step for i in range(1, 6)]
log += [{"type": "resumed", "step": 3}, {"type": "step", "step": 4} | step,
        {"type": "layers", "step": 4, "layers": [{"name": "model.layers.0.mlp.up_proj.weight", "density": 0.5}]},
        {"type": "error", "code": "numerical", "summary": "the loss is not a finite number", "where": "step 5"}]
put("events", "run", "".join(json.dumps(event) + "\n" for event in log) + '{"type": "st')


def tile_map(matrices):
    out = TILE_MAGIC + struct.pack("<I", len(matrices))
    for name, rows, cols, height, width in matrices:
        out += struct.pack("<I", len(name)) + name.encode() + struct.pack("<4I", rows, cols, height, width)
        for i in range(-(-rows // height) * -(-cols // width)):
            out += struct.pack("<HB", i * 37 & 0xffff, i % 4)
    return out


TILE_MAGIC = open(os.path.join(here, "..", "..", "core", "session", "tile_map.cpp")).read().split("kMagic")[1]
TILE_MAGIC = TILE_MAGIC.split('"')[1].encode().decode("unicode_escape").encode()
put("tile_map", "crash-grid_beyond_int64", TILE_MAGIC + struct.pack("<II", 1, 1) + b"a" + struct.pack("<4I", 2**32 - 1, 2**32 - 1, 1, 1))
put("tile_map", "two", tile_map([("model.layers.0.mlp.up_proj.weight", 10, 9, 4, 4), ("b", 1, 1, 128, 128)]))
