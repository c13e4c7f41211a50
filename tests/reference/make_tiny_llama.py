"""Makes tests/data/tiny_llama: a random llama of two blocks and what transformers computes with it.

    pip install torch transformers==4.57.* safetensors
    python tests/reference/make_tiny_llama.py

config.json and model.safetensors (bf16, untied head) are an ordinary Hugging Face folder. golden.safetensors
holds, all computed in f32 with the bf16 weights widened:
    input_ids  i64 [64]
    logits     f32 [64, 256]
    hidden.K   f32 [64, 64]  the embedding for K = 0, else the residual stream after block K - 1,
                             before the final norm
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

folder = Path(__file__).resolve().parent.parent / "data" / "tiny_llama"
folder.mkdir(parents=True, exist_ok=True)

torch.manual_seed(20240607)
config = LlamaConfig(
    vocab_size=256,
    hidden_size=64,
    intermediate_size=160,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=2,
)
model = LlamaForCausalLM(config)
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.copy_(1.0 + 0.2 * torch.randn_like(parameter))
        elif "embed" in name:
            parameter.copy_(torch.randn_like(parameter))
        else:
            parameter.copy_(torch.randn_like(parameter) * 1.5 / parameter.shape[1] ** 0.5)
model = model.to(torch.bfloat16)
model.save_pretrained(folder, safe_serialization=True)
(folder / "generation_config.json").unlink(missing_ok=True)

model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
input_ids = torch.randint(3, 256, (1, 64), generator=torch.Generator().manual_seed(7))
golden = {"input_ids": input_ids[0].contiguous()}
blocks = []
hooks = [
    layer.register_forward_hook(
        lambda module, args, output: blocks.append(output[0] if isinstance(output, tuple) else output)
    )
    for layer in model.model.layers
]
with torch.no_grad():
    logits = model(input_ids).logits[0]
    golden["hidden.0"] = model.model.embed_tokens(input_ids)[0].contiguous()
for hook in hooks:
    hook.remove()
for k, block in enumerate(blocks):
    golden[f"hidden.{k + 1}"] = block.reshape(64, 64).contiguous()
golden["logits"] = logits.contiguous()
print("spread of the logits:", logits.std().item())
save_file(golden, folder / "golden.safetensors")
