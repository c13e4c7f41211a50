"""Holds a GGUF export against the Hugging Face export of the same run, by other readers: check_gguf.py GGUF HF_FOLDER.

Needs torch, transformers 4.57, accelerate and gguf from PyPI. llama.cpp's own reading of the metadata is checked by loading the file
there: packaging/bench-peers.sh does.
"""
import sys

import torch
from gguf import GGUFReader
from transformers import AutoModelForCausalLM, AutoTokenizer

gguf, folder = sys.argv[1:]
reader = GGUFReader(gguf)
print("keys", len(reader.fields), "tensors", len(reader.tensors), "types", {t.tensor_type.name for t in reader.tensors})

own = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
path, _, name = gguf.rpartition("/")
read = AutoModelForCausalLM.from_pretrained(path or ".", gguf_file=name, dtype=torch.float32)
for (key, a), (other, b) in zip(sorted(own.named_parameters()), sorted(read.named_parameters())):
    assert key == other and torch.equal(a, b), key
ids = torch.arange(0, 200)[None] % own.config.vocab_size
with torch.no_grad():
    print("largest difference of logits", (own(ids).logits - read(ids).logits).abs().max().item())
text = "The history of 1234 caf\u00e9s, and of what they'd say: \u20ac5 \U0001f600\n\n  def f(x): return x"
a = AutoTokenizer.from_pretrained(folder).encode(text, add_special_tokens=False)
b = AutoTokenizer.from_pretrained(path or ".", gguf_file=name).encode(text, add_special_tokens=False)
assert a == b, (a, b)
print("parameters equal to the bit, ids equal:", len(a))
