"""Makes tests/data/smollm2: what transformers makes of SmolLM2's GGUF and of WikiText-2's test text.

    pip install torch transformers==4.57.* gguf safetensors
    python tests/reference/make_smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf wikitext2/wiki.test.raw

golden.json:
    ids             number of token ids of the whole text, without special tokens
    ids_sha256      SHA-256 of them as little-endian int32
    tensors         SHA-256 of dequantised f32 tensors, row-major, under Hugging Face names
    cross_entropies mean cross-entropy of the first windows of 2048, nats, f32 model
golden.safetensors, of the first 512 tokens, f32 model:
    next_log_probability  f32 [511]     log-softmax of the token that follows
    positions             i64 [16]      some positions,
    tokens                i64 [16, 64]  of each the 32 most probable tokens and 32 drawn ones,
    logits                f32 [16, 64]  and their logits
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

gguf, text = Path(sys.argv[1]), Path(sys.argv[2])
folder = Path(__file__).resolve().parent.parent / "data" / "smollm2"
folder.mkdir(parents=True, exist_ok=True)

tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
ids = tokenizer.encode(text.read_bytes().decode("utf-8"), add_special_tokens=False)
model = AutoModelForCausalLM.from_pretrained(
    gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation="eager"
).eval()

hashed = ["model.embed_tokens.weight", "model.norm.weight", "model.layers.0.input_layernorm.weight"]
for block, part in enumerate(
    ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
    + ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
):
    hashed.append(f"model.layers.{block * 4}.{part}.weight")
hashed += ["model.layers.29.self_attn.q_proj.weight", "model.layers.29.self_attn.k_proj.weight"]
state = model.state_dict()

generator = torch.Generator().manual_seed(11)
positions = torch.cat([torch.tensor([0, 1, 511]), torch.randperm(508, generator=generator)[:13] + 2]).sort()[0]
cross_entropies = []
with torch.no_grad():
    window = torch.tensor(ids[:512])
    logits = model(window[None]).logits[0]
    following = torch.log_softmax(logits[:-1].double(), -1).gather(1, window[1:, None])[:, 0].float()
    chosen = logits[positions]
    drawn = torch.stack([torch.randperm(logits.shape[1], generator=generator)[:32] for _ in positions])
    tokens = torch.cat([chosen.topk(32).indices, drawn], 1)
    for at in range(0, 5 * 2048, 2048):
        window = torch.tensor(ids[at : at + 2048])
        logits = model(window[None]).logits[0, :-1]
        cross_entropies.append(torch.nn.functional.cross_entropy(logits, window[1:]).item())
        print("window", at // 2048, cross_entropies[-1], flush=True)
print("perplexity:", np.exp(np.mean(cross_entropies)), "of the first two:", np.exp(np.mean(cross_entropies[:2])))

golden = {
    "ids": len(ids),
    "ids_sha256": hashlib.sha256(np.array(ids, "<i4").tobytes()).hexdigest(),
    "tensors": {n: hashlib.sha256(state[n].contiguous().numpy().astype("<f4").tobytes()).hexdigest() for n in hashed},
    "cross_entropies": cross_entropies,
}
(folder / "golden.json").write_text(json.dumps(golden, indent=2) + "\n")
save_file(
    {
        "next_log_probability": following,
        "positions": positions,
        "tokens": tokens,
        "logits": chosen.gather(1, tokens).contiguous(),
    },
    folder / "golden.safetensors",
)
