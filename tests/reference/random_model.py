#!/usr/bin/env python3
"""Writes a model of a published one's shapes with weights by chance, to see what a run of that size takes.

    python3 tests/reference/random_model.py llama-3.1-8b FOLDER --layers 2

Wants nothing but Python. The tokenizer is the starter's: its ids are among those of every model here. With --hollow
the weights are a hole in the file: enough for `preflight`, which reads none, and no room on the disk.
"""
import argparse
import json
import os
import random
import shutil

# hidden, inner, layers, heads, key-value heads, head dimension, vocabulary, tied head
SHAPES = {
    "qwen2.5-0.5b": (896, 4864, 24, 14, 2, 64, 151936, True),
    "llama-3.2-1b": (2048, 8192, 16, 32, 8, 64, 128256, True),
    "llama-3.2-3b": (3072, 8192, 28, 24, 8, 128, 128256, True),
    "llama-2-7b": (4096, 11008, 32, 32, 32, 128, 32000, False),
    "llama-3.1-8b": (4096, 14336, 32, 32, 8, 128, 128256, False),
    "llama-2-13b": (5120, 13824, 40, 40, 40, 128, 32000, False),
}


def tensors(hidden, inner, layers, heads, kv, dim, vocabulary, tied):
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for layer in range(layers):
        name = f"model.layers.{layer}."
        yield name + "input_layernorm.weight", (hidden,)
        yield name + "self_attn.q_proj.weight", (heads * dim, hidden)
        yield name + "self_attn.k_proj.weight", (kv * dim, hidden)
        yield name + "self_attn.v_proj.weight", (kv * dim, hidden)
        yield name + "self_attn.o_proj.weight", (hidden, heads * dim)
        yield name + "post_attention_layernorm.weight", (hidden,)
        yield name + "mlp.gate_proj.weight", (inner, hidden)
        yield name + "mlp.up_proj.weight", (inner, hidden)
        yield name + "mlp.down_proj.weight", (hidden, inner)
    yield "model.norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", (vocabulary, hidden)


def elements(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder")
    parser.add_argument("--layers", type=int, help="instead of the model's own")
    parser.add_argument("--hollow", action="store_true")
    options = parser.parse_args()
    hidden, inner, layers, heads, kv, dim, vocabulary, tied = SHAPES[options.shape]
    layers = options.layers or layers
    os.makedirs(options.folder, exist_ok=True)
    starter = os.path.join(os.path.dirname(__file__), "..", "..", "resources", "starter")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(starter, file), options.folder)
    with open(os.path.join(options.folder, "config.json"), "w") as file:
        json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
                   "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
                   "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": dim,
                   "vocab_size": vocabulary, "tie_word_embeddings": tied, "rms_norm_eps": 1e-5,
                   "rope_theta": 500000.0, "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}, file)

    entries = list(tensors(hidden, inner, layers, heads, kv, dim, vocabulary, tied))
    header, at = {}, 0
    for name, shape in entries:
        size = 2 * elements(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # Little-endian bf16: sixteen million numbers between 1/64 and 1/16 of either sign, over and over.
    chance = random.Random(1)
    low = chance.randbytes(1 << 24)
    high = chance.randbytes(1 << 24).translate(bytes((0x3C, 0x3D, 0xBC, 0xBD)[i % 4] for i in range(256)))
    numbers = bytearray(1 << 25)
    numbers[0::2], numbers[1::2] = low, high
    with open(os.path.join(options.folder, "model.safetensors"), "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        if options.hollow:
            file.truncate(8 + len(text) + at)
            return
        for name, shape in entries:
            left = 2 * elements(shape)
            if len(shape) == 1:
                file.write(b"\x80\x3f" * (left // 2))
                continue
            while left:
                left -= file.write(numbers[:min(left, len(numbers))])


if __name__ == "__main__":
    main()
