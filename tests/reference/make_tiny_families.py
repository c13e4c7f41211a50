"""Makes tests/data/families: a small random model of each family and what transformers computes with it.

    pip install torch transformers==4.57.* safetensors
    python tests/reference/make_tiny_families.py

Each folder NAME holds config.json and model.safetensors (bf16) as save_pretrained writes them. Windows are
shorter than the text, soft caps and multipliers are such that they act. golden.safetensors holds, computed in
f32 with the bf16 weights widened and eager attention over one text of 200 tokens:
    input_ids   i64 [200]
    positions   i64 [P]         those of which everything is kept
    logits      f32 [P, 256]
    hidden.K    f32 [P, hidden] what enters the first block for K = 0, else what leaves block K - 1
    likeliest   i64 [200]       of every position: the token with the largest logit,
    largest     f32 [200]       this logit,
    log_sum     f32 [200]       and log(sum(exp(logits))), to which every logit adds
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

TOKENS = 200
POSITIONS = [0, 1, 5, 23, 24, 25, 47, 48, 100, 127, 128, 199]
ROOT = Path(__file__).resolve().parent.parent / "data" / "families"

SIZES = dict(
    vocab_size=256,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)

FAMILIES = {
    "llama3": LlamaConfig(
        **SIZES,
        rope_scaling={
            "rope_type": "llama3",
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    ),
    "llama_linear": LlamaConfig(
        **SIZES, rope_scaling={"rope_type": "linear", "factor": 2.5}, attention_bias=True, mlp_bias=True
    ),
    # The text is longer than what the model was trained on: only there this scaling acts.
    "llama_dynamic": LlamaConfig(
        **SIZES | dict(max_position_embeddings=128), rope_scaling={"rope_type": "dynamic", "factor": 2.0}
    ),
    "mistral": MistralConfig(**SIZES | dict(tie_word_embeddings=False), head_dim=24, sliding_window=24),
    "qwen2": Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=24, max_window_layers=1),
    "qwen3": Qwen3Config(**SIZES, head_dim=24),
    "gemma2": Gemma2Config(
        **SIZES | dict(hidden_size=48),
        head_dim=16,
        query_pre_attn_scalar=20,
        sliding_window=24,
        attn_logit_softcapping=5.0,
        final_logit_softcapping=8.0,
    ),
    "gemma3": Gemma3TextConfig(
        **SIZES | dict(hidden_size=48, num_hidden_layers=3, rope_theta=1e6),
        head_dim=16,
        query_pre_attn_scalar=20,
        sliding_window=24,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_local_base_freq=1e3,
        rope_scaling={"rope_type": "linear", "factor": 8.0},
        final_logit_softcapping=8.0,
    ),
    "olmo2": Olmo2Config(**SIZES),
    "granite": GraniteConfig(
        **SIZES | dict(tie_word_embeddings=False),
        embedding_multiplier=1.7,
        residual_multiplier=0.4,
        attention_multiplier=0.31,
        logits_scaling=0.7,
    ),
    "phi3": Phi3Config(**SIZES | dict(tie_word_embeddings=False), sliding_window=24),
}


def random_weights(model, gemma):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            if name.endswith("bias"):
                parameter.copy_(0.5 * noise)
            elif "norm" in name:
                parameter.copy_((0.0 if gemma else 1.0) + 0.2 * noise)
            elif "embed" in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(noise * 1.5 / parameter.shape[1] ** 0.5)


def golden_of(folder):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = torch.randint(3, 256, (1, TOKENS), generator=torch.Generator().manual_seed(7))
    states = []
    layers = model.model.layers
    hooks = [
        layers[0].register_forward_pre_hook(
            lambda module, args, kwargs: states.append(args[0] if args else kwargs["hidden_states"]),
            with_kwargs=True,
        )
    ]
    hooks += [
        layer.register_forward_hook(
            lambda module, args, output: states.append(output[0] if isinstance(output, tuple) else output)
        )
        for layer in layers
    ]
    with torch.no_grad():
        logits = model(ids).logits[0]
    for hook in hooks:
        hook.remove()
    positions = torch.tensor(POSITIONS)
    golden = {
        "input_ids": ids[0],
        "positions": positions,
        "logits": logits[positions],
        "likeliest": logits.argmax(-1),
        "largest": logits.max(-1).values,
        "log_sum": logits.double().logsumexp(-1).float(),
    }
    for k, state in enumerate(states):
        golden[f"hidden.{k}"] = state.reshape(TOKENS, -1)[positions]
    two = logits.topk(2).values
    print(
        f"{folder.name:14} spread {logits.std():.2f}, the first two logits at least "
        f"{(two[:, 0] - two[:, 1]).min():.4f} apart"
    )
    return {name: tensor.contiguous() for name, tensor in golden.items()}


def main():
    for seed, (name, config) in enumerate(FAMILIES.items()):
        folder = ROOT / name
        shutil.rmtree(folder, ignore_errors=True)
        torch.manual_seed(20240700 + seed)
        model = AutoModelForCausalLM.from_config(config)
        random_weights(model, name.startswith("gemma"))
        model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
        (folder / "generation_config.json").unlink(missing_ok=True)
        save_file(golden_of(folder), folder / "golden.safetensors")
        written = json.loads((folder / "config.json").read_text())
        assert written["model_type"] == config.model_type


if __name__ == "__main__":
    main()
