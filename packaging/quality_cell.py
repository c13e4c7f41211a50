"""One cell of quality.sh as the small JSON that is committed: quality_cell.py CELL LEARNING_TEXT RUN FILE."""
import json
import os
import re
import sys


def bits(correct):
    """Which items are right, as hexadecimal digits: enough to compare two cells item by item."""
    return f"{int(''.join(map(str, correct)), 2):0{(len(correct) + 3) // 4}x}"


def allocation(matrices):
    """Of each projection its weights in a block, and the share kept in every block."""
    weights, kept = {}, {}
    for matrix in matrices:
        name = matrix["name"].removesuffix(".weight")
        block, projection = int(re.search(r"\.(\d+)\.", name).group(1)), name.rsplit(".", 1)[1]
        weights[projection] = matrix["rows"] * matrix["cols"]
        kept.setdefault(projection, {})[block] = round(1 - matrix["sparsity"], 4)
    return {"weights": weights, "kept": {name: [of[b] for b in sorted(of)] for name, of in kept.items()}}


cell, kind, run, file = sys.argv[1:]
evaluated = json.load(open(file + ".eval"))
result = {"cell": cell, "learning_text": kind, "model": "smollm2-135m", "perplexity": evaluated["perplexity"]}
del result["perplexity"]["cross_entropies"]
if "tasks" in evaluated:
    result["tasks"] = {
        name: {key: task[key] for key in ("acc", "acc_stderr", "acc_norm", "n", "items") if key in task}
        | {"correct": bits(task["correct"])}
        for name, task in evaluated["tasks"].items()
    }
if os.path.isdir(run):
    made = json.load(open(os.path.join(run, "result.json")))
    for key in ("method", "sparsity", "seconds", "steps", "tokens_trained", "tokens_per_second", "step_shares",
                "peak_bytes", "machine", "version"):
        result[key] = made.get(key)
    result["allocation"] = allocation(made["matrices"])
    result["options"] = json.load(open(os.path.join(run, "spec.json"))).get("set")
    plan = os.path.join(run, "plan.json")
    if os.path.exists(plan):
        result["plan"] = json.load(open(plan))
    if os.environ.get("STEP_SECONDS") and cell.startswith("leap"):
        result["undisturbed_step_seconds"] = float(os.environ["STEP_SECONDS"])
with open(file + ".part", "w") as out:
    json.dump(result, out, indent=1, sort_keys=True)
    out.write("\n")
os.replace(file + ".part", file)
os.remove(file + ".eval")
means = [task["acc"] for task in result.get("tasks", {}).values()]
accuracy = f", mean accuracy {sum(means) / len(means):.4f}" if means else ""
print(f"{kind} {cell}: {result['perplexity']['value']:.3f}{accuracy}", file=sys.stderr)
