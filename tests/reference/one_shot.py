"""The layer-wise one-shot methods in plain PyTorch: an independent reference, and what the product is timed against.

    pip install torch transformers==4.57.* numpy
    python tests/reference/one_shot.py golden
    python tests/reference/one_shot.py model --model FOLDER --method admm --text FILE [--windows 32] [--context 1024]

`golden` writes tests/data/one_shot/golden.npz: f64 weights [24, 32] and inputs [160, 32] (correlated, with features
far larger than the others and one that is always zero), and for each case CASE.weights and CASE.keep.
`model` prunes every linear layer of a Hugging Face model's blocks to 50 % and prints the seconds of each part.

Written from the equations, each by the plainest route: H^-1 is formed where the product never forms it, Thanos
inverts the trailing matrix anew in every block, ADMM multiplies by an explicit inverse, the least squares of OPTIMA
are one `solve` a row. Conventions shared with the product: exact counts (floor of the share, cumulative over blocks
for SparseGPT), ties in order of place, an input that is always zero gets the mean of the others on the diagonal.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch


def keep_highest(scores, remove):
    """Boolean mask without the `remove` lowest of all scores, the earlier of equal ones first."""
    order = torch.argsort(scores.flatten(), stable=True)
    keep = torch.ones(scores.numel(), dtype=torch.bool)
    keep[order[:remove]] = False
    return keep.view_as(scores)


def keep_nm(scores, n, m):
    groups = scores.reshape(scores.shape[0], -1, m)
    order = torch.argsort(groups, dim=-1, stable=True)
    keep = torch.ones_like(groups, dtype=torch.bool)
    keep.scatter_(-1, order[..., : m - n], False)
    return keep.view_as(scores)


def damped(gram, damping):
    hessian = gram.clone()
    diagonal = torch.diagonal(hessian)
    dead = diagonal == 0
    mean = diagonal[~dead].mean()
    diagonal[dead] = mean
    diagonal += damping * mean
    return hessian, dead


def wanda(weights, gram, sparsity=0.5, pattern=None):
    scores = weights.abs() * torch.diagonal(gram).sqrt()
    if pattern:
        keep = keep_nm(scores, *pattern)
    else:
        remove = math.floor(sparsity * weights.shape[1])
        order = torch.argsort(scores, dim=1, stable=True)
        keep = torch.ones_like(scores, dtype=torch.bool)
        keep.scatter_(1, order[:, :remove], False)
    return weights * keep, keep


def sparsegpt(weights, gram, sparsity=0.5, pattern=None, block=128, damping=0.01):
    hessian, dead = damped(gram, damping)
    w = weights.clone()
    w[:, dead] = 0
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    upper = torch.linalg.cholesky(inverse, upper=True)
    rows, cols = w.shape
    keep = torch.ones_like(w, dtype=torch.bool)
    removed = 0
    for i1 in range(0, cols, block):
        i2 = min(i1 + block, cols)
        part, errors = w[:, i1:i2].clone(), torch.zeros(rows, i2 - i1, dtype=w.dtype)
        u = upper[i1:i2, i1:i2]
        if not pattern:
            remove = math.floor(sparsity * rows * i2) - removed
            removed += remove
            keep[:, i1:i2] = keep_highest(part.square() / torch.diagonal(u).square(), remove)
        for j in range(i2 - i1):
            if pattern and j % pattern[1] == 0:
                m = pattern[1]
                score = part[:, j : j + m].square() / torch.diagonal(u)[j : j + m].square()
                keep[:, i1 + j : i1 + j + m] = keep_nm(score, *pattern)
            column = part[:, j]
            error = torch.where(keep[:, i1 + j], torch.zeros_like(column), column / u[j, j])
            part[:, j:] -= torch.outer(error, u[j, j:])
            part[:, j] *= keep[:, i1 + j]
            errors[:, j] = error
        w[:, i1:i2] = part
        w[:, i2:] -= errors @ upper[i1:i2, i2:]
    return w, keep


def thanos(weights, gram, sparsity=0.5, pattern=None, block=128, damping=0.01):
    hessian, dead = damped(gram, damping)
    norms = torch.diagonal(gram).sqrt()
    w = weights.clone()
    w[:, dead] = 0
    rows, cols = w.shape
    keep = torch.ones_like(w, dtype=torch.bool)
    budget, removed = math.floor(sparsity * w.numel()), 0
    for i1 in range(0, cols, block):
        i2 = min(i1 + block, cols)
        inverse = torch.linalg.inv(hessian[i1:, i1:])
        scores = w[:, i1:].abs() * norms[i1:]
        if pattern:
            keep[:, i1:i2] = keep_nm(scores[:, : i2 - i1], *pattern)
        else:
            keep[:, i1:i2] = keep_highest(scores, budget - removed)[:, : i2 - i1]
            removed += int((~keep[:, i1:i2]).sum())
        for row in range(rows):
            s = torch.nonzero(~keep[row, i1:i2]).flatten()
            if len(s) == 0:
                continue
            factors = torch.linalg.solve(inverse[s][:, s], w[row, i1 + s])
            w[row, i1:] -= factors @ inverse[s]
            w[row, i1 + s] = 0
    return w, keep


def admm(weights, gram, sparsity=0.5, pattern=None, damping=0.1, rho=1.0, steps=20, choices=15, release=False):
    norms = torch.diagonal(gram).sqrt()
    dead = norms == 0
    norms = torch.where(dead, torch.ones_like(norms), norms)
    hessian, _ = damped(gram / torch.outer(norms, norms), damping)
    v = (weights * norms).T.clone()
    v[dead] = 0
    inverse = torch.linalg.inv(hessian + rho * torch.eye(len(norms), dtype=v.dtype))
    products = hessian @ v
    dual = torch.zeros_like(v)
    for t in range(steps):
        if t < choices:
            share = sparsity - sparsity * (1 - (t + 1) / choices) ** 3
            if t == choices - 1 or (release and not pattern):
                share = sparsity
            scores = (v + dual).abs().T.contiguous()
            if pattern:
                scores[keep_nm(scores, *pattern)] = math.inf
            keep = keep_highest(scores, math.floor(share * scores.numel()))
        z = keep.T * (v + dual)
        dual = dual + v - z
        v = inverse @ (products + rho * (z - dual))
    return ((keep.T * (v + dual)) / norms[:, None]).T, keep


def optima(weights, gram, keep, damping=0.01):
    hessian, _ = damped(gram, damping)
    w = torch.zeros_like(weights)
    for row in range(weights.shape[0]):
        k, s = torch.nonzero(keep[row]).flatten(), torch.nonzero(~keep[row]).flatten()
        right = hessian[k][:, s] @ weights[row, s]
        w[row, k] = weights[row, k] + torch.linalg.solve(hessian[k][:, k], right)
    return w


METHODS = {"wanda": wanda, "sparsegpt": sparsegpt, "thanos": thanos, "admm": admm}


def golden():
    generator = torch.Generator().manual_seed(20240611)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    weights = normal(24, 32)
    inputs = normal(160, 32) @ (torch.eye(32, dtype=torch.float64) + 0.4 * normal(32, 32))
    inputs[:, [3, 17]] *= 12
    inputs[:, 9] = 0
    gram = inputs.T @ inputs
    arrays = {"weights": weights, "inputs": inputs}
    cases = {
        "wanda": wanda(weights, gram),
        "sparsegpt": sparsegpt(weights, gram, 0.6, block=8),
        "sparsegpt-2:4": sparsegpt(weights, gram, pattern=(2, 4), block=8),
        "thanos": thanos(weights, gram, 0.6, block=8),
        "thanos-4:8": thanos(weights, gram, pattern=(4, 8), block=16),
        "admm": admm(weights, gram, 0.6),
        "admm-release": admm(weights, gram, 0.6, release=True),
        "admm-2:4": admm(weights, gram, pattern=(2, 4)),
    }
    cases["optima"] = (optima(weights, gram, cases["wanda"][1]), cases["wanda"][1])
    for name, (changed, keep) in cases.items():
        arrays[name + ".weights"], arrays[name + ".keep"] = changed, keep.to(torch.uint8)
        delta = changed - weights
        print(f"{name:14} zeros {int((~keep).sum()):4}  error {(delta @ gram * delta).sum().item():.6g}")
    folder = Path(__file__).resolve().parent.parent / "data" / "one_shot"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "golden.npz", **{k: np.ascontiguousarray(v.numpy()) for k, v in arrays.items()})


@torch.no_grad()
def prune_model(arguments):
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = LlamaForCausalLM.from_pretrained(arguments.model, dtype=torch.bfloat16).eval()
    ids = torch.tensor(tokenizer(Path(arguments.text).read_text(), verbose=False)["input_ids"])
    length, count = arguments.context, arguments.windows
    if count < 2 or len(ids) < count * length:
        raise SystemExit(f"the text has {len(ids)} tokens, {max(count, 2)} windows of {length} are needed")
    starts = [(len(ids) - length) * w // (count - 1) for w in range(count)]
    hidden = model.model.embed_tokens(torch.stack([ids[s : s + length] for s in starts]))
    rotary = model.model.rotary_emb(hidden, torch.arange(length)[None])
    seconds = {"forward": 0.0, "statistics": 0.0, "prune": 0.0}
    whole, cpu = time.time(), time.process_time()

    def passes(block):
        return [block(hidden[i : i + 4], position_embeddings=rotary) for i in range(0, count, 4)]

    for index, block in enumerate(model.model.layers):
        linears = {n: m for n, m in block.named_modules() if isinstance(m, torch.nn.Linear)}
        grams = {}

        def observe(name):
            def hook(module, inputs, output):
                begin = time.time()
                x = inputs[0].reshape(-1, inputs[0].shape[-1]).float()
                if arguments.method == "wanda":
                    part = torch.diag_embed(x.square().sum(0)) if name not in grams else x.square().sum(0)
                    if name in grams:
                        torch.diagonal(grams[name]).add_(part)
                    else:
                        grams[name] = part
                else:
                    grams[name] = grams.get(name, 0) + x.T @ x
                seconds["statistics"] += time.time() - begin

            return hook

        hooks = [m.register_forward_hook(observe(n)) for n, m in linears.items()]
        before, begin = seconds["statistics"], time.time()
        passes(block)
        seconds["forward"] += time.time() - begin - (seconds["statistics"] - before)
        for hook in hooks:
            hook.remove()
        begin = time.time()
        for name, linear in linears.items():
            changed, _ = METHODS[arguments.method](linear.weight.float(), grams[name])
            linear.weight.copy_(changed)
        seconds["prune"] += time.time() - begin
        begin = time.time()
        outputs = [o[0] if isinstance(o, tuple) else o for o in passes(block)]
        hidden = torch.cat(outputs)
        seconds["forward"] += time.time() - begin
        spent = f"{time.time() - whole:.1f} s, {time.process_time() - cpu:.1f} s of processor time"
        print(f"block {index}: {spent}", {k: round(v, 1) for k, v in seconds.items()}, flush=True)
        if arguments.blocks and index + 1 == arguments.blocks:
            break
    if arguments.save:
        model.save_pretrained(arguments.save)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("golden")
    model_command = commands.add_parser("model")
    model_command.add_argument("--model", required=True)
    model_command.add_argument("--method", choices=METHODS, required=True)
    model_command.add_argument("--text", required=True)
    model_command.add_argument("--windows", type=int, default=32)
    model_command.add_argument("--context", type=int, default=1024)
    model_command.add_argument("--blocks", type=int, default=0, help="stop after so many; 0: all")
    model_command.add_argument("--save", help="folder to write the pruned model to")
    arguments = parser.parse_args()
    golden() if arguments.command == "golden" else prune_model(arguments)
