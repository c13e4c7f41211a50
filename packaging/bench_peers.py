"""What bench-peers.sh measures: one process a turn, so that nobody inherits a warm cache, and in changing order.

A turn decodes greedily behind the same prompt; what is counted is tokens a second after the prompt, loading aside.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

PROMPT = "The history of the valley begins with"


def llama_turn(gguf, threads, tokens):
    """Tokens a second of llama.cpp; runs in a child."""
    import llama_cpp
    import numpy

    model = llama_cpp.Llama(model_path=gguf, n_ctx=512, n_threads=threads, n_threads_batch=threads, verbose=False)
    model.eval(model.tokenize(PROMPT.encode(), add_bos=False))
    vocabulary = model.n_vocab()

    def likeliest():
        logits = llama_cpp.llama_get_logits(model.ctx)
        return int(numpy.ctypeslib.as_array(logits, shape=(vocabulary,)).argmax())

    for _ in range(4):
        model.eval([likeliest()])
    begin = time.perf_counter()
    for _ in range(tokens):
        model.eval([likeliest()])
    return tokens / (time.perf_counter() - begin)


def own_turn(cli, model, threads, tokens, *more):
    out = subprocess.run([cli, "generate", model, "--prompt", PROMPT, "--tokens", str(tokens), "--greedy", "--ignore-eos",
                          "--threads", str(threads), "--json", *more], check=True, capture_output=True, text=True).stdout
    return json.loads(out)["tokens_per_second"]


def in_child(arguments):
    out = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True).stdout
    return float(out.strip().splitlines()[-1])


def interval(ratios):
    """Geometric mean and its 95 % interval by Student's t over the turns' log ratios."""
    logs = [math.log(r) for r in ratios]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), None, None
    t = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}.get(len(logs) - 1, 2.2)
    half = t * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--turn", nargs=3, metavar=("GGUF", "THREADS", "TOKENS"))
    options.add_argument("--cli")
    options.add_argument("--run")
    options.add_argument("--gguf")
    options.add_argument("--work")
    options.add_argument("--threads", nargs="+", type=int)
    options.add_argument("--rounds", type=int)
    options.add_argument("--tokens", type=int)
    options.add_argument("--out")
    given = options.parse_args()
    if given.turn:
        print(llama_turn(given.turn[0], int(given.turn[1]), int(given.turn[2])))
        return

    import llama_cpp

    q8 = os.path.join(given.work, "q8.gguf")
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    if llama_cpp.llama_model_quantize(given.gguf.encode(), q8.encode(), parameters) != 0:
        sys.exit("llama.cpp could not quantize " + given.gguf)
    dense = json.load(open(os.path.join(given.run, "spec.json")))["model"]
    programs = {
        "tessera, pruned": lambda t: own_turn(given.cli, given.run, t, given.tokens),
        "tessera, pruned, q8": lambda t: own_turn(given.cli, given.run, t, given.tokens, "--values", "q8", "--head", "q8"),
        "tessera, dense bf16": lambda t: own_turn(given.cli, dense, t, given.tokens),
        "llama.cpp BF16": lambda t: in_child(["--turn", given.gguf, str(t), str(given.tokens)]),
        "llama.cpp Q8_0": lambda t: in_child(["--turn", q8, str(t), str(given.tokens)]),
    }
    result = {"llama_cpp_python": llama_cpp.__version__, "tokens": given.tokens, "rounds": given.rounds,
              "run": json.load(open(os.path.join(given.run, "result.json")))["sparsity"], "threads": {}}
    for threads in given.threads:
        rates = {name: [] for name in programs}
        for turn in range(given.rounds):
            names = list(programs)
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                rates[name].append(programs[name](threads))
        result["threads"][threads] = rates
        print(f"{threads} thread{'s' if threads > 1 else ''}, tokens a second (median of {given.rounds} turns)")
        for name, values in rates.items():
            line = f"  {name:22} {statistics.median(values):8.1f}"
            for own in ("tessera, pruned", "tessera, pruned, q8"):
                if "pruned" in name:
                    continue
                mean, low, high = interval([a / b for a, b in zip(rates[own], values)])
                line += f"   {own[9:]}: {mean:.2f} times" + (f" ({low:.2f} to {high:.2f})" if low else "")
            print(line)
    if given.out:
        with open(given.out + ".part", "w") as out:
            json.dump(result, out, indent=1)
            out.write("\n")
        os.replace(given.out + ".part", given.out)


if __name__ == "__main__":
    main()
