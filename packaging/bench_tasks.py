"""What bench-tasks.sh runs: items a second of tessera-cli eval and of lm-evaluation-harness, which scores them as
tests/reference/make_task_choices.py has it do."""
import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/reference"))
import make_task_choices as reference  # noqa: E402


def ours(options, names):
    """Seconds of scoring alone, as the harness' are: what a run over one item a task takes is taken off."""
    def seconds(limit):
        command = [options.cli, "eval", options.model, "--dtype", "bf16", "--threads", str(options.threads), "--limit",
                   str(limit), "--json"]
        for name in names:
            command += ["--task", f"{name}={os.path.join(options.data, name)}"]
        began = time.monotonic()
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return time.monotonic() - began, json.loads(made.stdout)

    start, _ = seconds(1)
    whole, found = seconds(options.limit)
    return whole - start, {name: task["acc"] for name, task in found["tasks"].items()}


def theirs(options, names, batch, tokenizer, model, harness):
    from lm_eval.models.huggingface import HFLM

    wrapped = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, device="cpu", add_bos_token=False)
    with tempfile.TemporaryDirectory() as work:
        local, results, seconds = reference.evaluate(wrapped, work, names, options.data, options.limit, harness)
    return seconds, {name: results["results"][local[name]]["acc,none"] for name in names}


def main():
    parser = argparse.ArgumentParser()
    for name in ("cli", "model", "data"):
        parser.add_argument("--" + name, required=True)
    for name in ("limit", "threads"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--batches", nargs="+", type=int, required=True)
    parser.add_argument("--out")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    import lm_eval
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(options.threads)
    names = [name for name in reference.PUBLISHED if os.path.isdir(os.path.join(options.data, name))]
    items = options.limit * len(names)
    sides = {}
    seconds, accuracy = ours(options, names)
    sides["tessera"] = {"seconds": seconds, "accuracy": accuracy}
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.bfloat16).eval()
    for batch in options.batches:
        seconds, accuracy = theirs(options, names, batch, tokenizer, model, os.path.dirname(lm_eval.__file__))
        sides[f"harness, batch {batch}"] = {"seconds": seconds, "accuracy": accuracy}
    seconds, _ = ours(options, names)
    sides["tessera"]["seconds"] = (sides["tessera"]["seconds"] + seconds) / 2
    best = min(side["seconds"] for name, side in sides.items() if name != "tessera")
    for name, side in sides.items():
        side["items_per_second"] = items / side["seconds"]
        print(f"{name:20}{side['items_per_second']:8.1f} items a second", side["accuracy"])
    print(f"ours is {best / sides['tessera']['seconds']:.2f} times as fast as the harness at its best")
    if options.out:
        document = {"threads": options.threads, "items": items, "harness": lm_eval.__version__,
                    "date": datetime.date.today().isoformat(), "sides": sides}
        with open(options.out + ".part", "w") as out:
            json.dump(document, out, indent=1)
            out.write("\n")
        os.replace(options.out + ".part", options.out)


if __name__ == "__main__":
    main()
