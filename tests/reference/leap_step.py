"""LEAP's training step written plainly in PyTorch, as a measure of what the engine's own step saves.

    pip install torch transformers==4.57.* gguf
    python tests/reference/leap_step.py SmolLM2-135M-Instruct.Q4_1.gguf --steps 3 --threads 2

The model is a Hugging Face folder or a .gguf file. Nothing is fused or recomputed: a two-way Gumbel softmax
over stacked logits in f32, every layer's soft mask drawn before the forward and kept for the backward, eager
autograd, AdamW. The loss is the engine's: ce * CE + kl * KL(dense || masked), the density's distance from
its target, and the reward of kept weights. Prints a line of JSON: seconds of each step behind the first,
which warms up, tokens a second by their median, and the process's greatest resident memory. That counts the
loading of the model too: `loaded_bytes` is what it was before the first step.
"""

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load(path, dtype):
    path = Path(path).resolve()
    if path.suffix == ".gguf":
        return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=dtype)
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype)


class Masked(torch.nn.Module):
    """A linear layer under a learned soft mask."""

    def __init__(self, linear, sparsity):
        super().__init__()
        self.weight = torch.nn.Parameter(linear.weight.detach(), requires_grad=False)
        self.norm = self.weight.float().norm()
        logits = torch.randn(self.weight.shape) * 0.014
        # Magnitude as prior: what a step costs does not depend on which mask it starts from.
        magnitudes = self.weight.float().abs()
        kept = magnitudes > magnitudes.flatten().kthvalue(int(magnitudes.numel() * sparsity)).values
        self.logits = torch.nn.Parameter(logits + (kept.float() * 2 - 1) * logits.std() * 3)
        self.mask = None  # None: dense

    def draw(self, kappa, tau):
        pair = torch.stack([torch.zeros_like(self.logits), self.logits * kappa])
        self.mask = F.gumbel_softmax(pair, tau=tau, dim=0)[1]

    def forward(self, x):
        if self.mask is None:
            return F.linear(x, self.weight)
        return F.linear(x, self.weight * self.mask.to(self.weight.dtype))


def replace_linears(model, sparsity):
    masked = []
    for module in list(model.model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear):
                masked.append(Masked(child, sparsity))
                setattr(module, name, masked[-1])
    return masked


def step(model, masked, optimizer, ids, options):
    vocabulary = model.config.vocab_size
    if options.kl_weight > 0:
        for layer in masked:
            layer.mask = None
        with torch.no_grad():
            teacher = model(ids, use_cache=False).logits[:, :-1].reshape(-1, vocabulary).float()
    for layer in masked:
        layer.draw(options.kappa, options.tau)
    logits = model(ids, use_cache=False).logits[:, :-1].reshape(-1, vocabulary).float()
    loss = options.ce_weight * F.cross_entropy(logits, ids[:, 1:].reshape(-1))
    if options.kl_weight > 0:
        loss = loss + options.kl_weight * F.kl_div(
            F.log_softmax(logits, -1), F.log_softmax(teacher, -1), log_target=True, reduction="batchmean"
        )
    count = sum(layer.weight.numel() for layer in masked)
    density = sum(layer.mask.sum() for layer in masked) / count
    reward = sum((layer.mask * layer.weight).norm() for layer in masked) / sum(layer.norm for layer in masked)
    loss = loss + options.lambda_density * (density - (1 - options.sparsity)).abs() - options.lambda_weight * reward
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    parser = argparse.ArgumentParser(description="A LEAP step in plain PyTorch, timed.")
    parser.add_argument("model")
    parser.add_argument("--steps", type=int, default=3, help="timed steps, behind one that warms up")
    parser.add_argument("--no-warmup", action="store_true", help="time the first step as well")
    parser.add_argument("--threads", type=int, default=0, help="0: as PyTorch chooses")
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16", help="of weights and activations")
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--kappa", type=float, default=100)
    parser.add_argument("--tau", type=float, default=2)
    parser.add_argument("--ce-weight", type=float, default=0.5)
    parser.add_argument("--kl-weight", type=float, default=0.5)
    parser.add_argument("--lambda-density", type=float, default=7)
    parser.add_argument("--lambda-weight", type=float, default=10)
    options = parser.parse_args()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    model = load(options.model, {"bf16": torch.bfloat16, "f32": torch.float32}[options.dtype])
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    masked = replace_linears(model, options.sparsity)
    optimizer = torch.optim.AdamW([layer.logits for layer in masked], lr=5e-4, betas=(0.9, 0.95), weight_decay=0)
    loaded = peak_bytes()
    seconds, losses = [], []
    for number in range(options.steps + (not options.no_warmup)):
        ids = torch.randint(model.config.vocab_size, (options.windows, options.context))
        begin = time.perf_counter()
        losses.append(step(model, masked, optimizer, ids, options))
        if number > 0 or options.no_warmup:
            seconds.append(time.perf_counter() - begin)
    tokens = options.windows * options.context
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "dtype": options.dtype,
                "tokens": tokens,
                "seconds": seconds,
                "tokens_per_second": tokens / statistics.median(seconds),
                "loaded_bytes": loaded,
                "peak_bytes": peak_bytes(),
                "losses": losses,
            }
        )
    )


if __name__ == "__main__":
    main()
