#!/usr/bin/env python3
"""Makes tests/data/text/wikitext_ids.json: how many ids the `tokenizers` (0.22) and `sentencepiece` (0.2) libraries
from PyPI make of WikiText-2's test text with each published vocabulary, and the SHA-256 of the ids as int32. Needs
transformers and gguf, too, which bring the vocabularies into the form that `tokenizers` reads.
    make_wikitext_ids.py DATA tests/data/text/wikitext_ids.json [FOLDER for the tokenizer.json files made]
With a FOLDER, also prints how fast `tokenizers` encodes; run with RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false."""
import gzip
import hashlib
import json
import pathlib
import sys
import time

import numpy as np
import sentencepiece
from gguf import GGUFReader
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers.convert_slow_tokenizer import LlamaConverter
from transformers.models.llama.tokenization_llama import LlamaTokenizer

data = pathlib.Path(sys.argv[1])
text = (data / "wikitext2/wiki.test.raw").read_bytes().decode()


def gpt2():
    fields = GGUFReader(data / "tokenizers/ggml-vocab-gpt-2.gguf").fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def qwen3():
    return Tokenizer.from_str(gzip.decompress((data / "tokenizers/qwen3/tokenizer.json.gz").read_bytes()).decode())


def llama2():
    slow = LlamaTokenizer(str(data / "tokenizers/llama2-tokenizer.model"), legacy=True)
    return LlamaConverter(slow).converted()


def entry(ids):
    return {"count": len(ids), "sha256": hashlib.sha256(np.array(ids, dtype=np.int32).tobytes()).hexdigest()}


result = {}
for name, make in [("gpt-2", gpt2), ("qwen3", qwen3), ("llama-2", llama2)]:
    tokenizer = make()
    begin = time.time()
    result[name] = entry(tokenizer.encode(text, add_special_tokens=False).ids)
    seconds = time.time() - begin
    if len(sys.argv) > 3:
        folder = pathlib.Path(sys.argv[3]) / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"))
        for _ in range(2):
            begin = time.time()
            tokenizer.encode(text, add_special_tokens=False)
            seconds = min(seconds, time.time() - begin)
        print(f"{name}: {len(text.encode()) / seconds / 1e6:.2f} MB/s in {seconds:.2f} s", flush=True)
model = sentencepiece.SentencePieceProcessor(str(data / "tokenizers/llama2-tokenizer.model"))
begin = time.time()
assert entry(model.encode(text)) == result["llama-2"], "sentencepiece and tokenizers differ"
print(f"sentencepiece: {len(text.encode()) / (time.time() - begin) / 1e6:.2f} MB/s", flush=True)
with open(sys.argv[2], "w") as out:
    json.dump(result, out, indent=1)
    out.write("\n")
