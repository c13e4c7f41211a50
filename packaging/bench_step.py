"""What bench-step.sh runs: LEAP's step of the engine and of tests/reference/leap_step.py, in turns."""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "tests/reference/leap_step.py"


def ours(options, turn):
    run = Path(options.work) / f"run-{turn}"
    command = [options.cli, "run", "--model", options.model, "--method", "leap", "--sparsity", "0.5", "--steps",
               str(options.steps + 1), "--threads", str(options.threads), "--set", "eval_windows=0", "--set",
               "calibration_windows=4", "--out", str(run)]
    if options.text:
        command += ["--text", options.text]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    events = [json.loads(line) for line in open(run / "events.jsonl")]
    seconds = [event["seconds"] for event in events if event.get("unit") == "step" and "tokens" in event]
    return {"seconds": seconds[1:], "peak_bytes": json.load(open(run / "result.json"))["peak_bytes"]}


def theirs(options, dtype):
    command = [sys.executable, str(REFERENCE), options.model, "--steps", "1", "--threads", str(options.threads),
               "--dtype", dtype]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(made.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    for name in ("cli", "model", "work"):
        parser.add_argument("--" + name, required=True)
    for name in ("threads", "rounds", "steps"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--dtypes", nargs="+", required=True)
    parser.add_argument("--text")
    parser.add_argument("--out")
    options = parser.parse_args()
    sides = {"tessera, bf16": lambda turn: ours(options, turn)}
    for dtype in options.dtypes:
        sides[f"pytorch, {dtype}"] = lambda turn, dtype=dtype: theirs(options, dtype)
    tokens = 2048
    results = {name: {"seconds": [], "peak_bytes": 0} for name in sides}
    for turn in range(options.rounds):
        for name, run in sides.items():
            print(f"turn {turn + 1} of {options.rounds}: {name}", file=sys.stderr)
            made = run(turn)
            results[name]["seconds"] += made["seconds"]
            results[name]["peak_bytes"] = max(results[name]["peak_bytes"], made["peak_bytes"])
    own = results["tessera, bf16"]
    print(f"{'':16}{'s a step':>10}{'tokens/s':>10}{'peak GB':>9}{'ours is':>10}{'memory':>8}")
    for name, result in results.items():
        step = result["step_seconds"] = statistics.median(result["seconds"])
        result["tokens_per_second"] = tokens / step
        faster = result["ours_is_times_as_fast"] = step / statistics.median(own["seconds"])
        memory = result["ours_takes_of_its_memory"] = own["peak_bytes"] / result["peak_bytes"]
        print(f"{name:16}{step:10.2f}{tokens / step:10.1f}{result['peak_bytes'] / 1e9:9.2f}{faster:9.2f}x{memory:8.2f}")
    if options.out:
        with open(options.out + ".part", "w") as out:
            json.dump({"model": os.path.basename(options.model), "threads": options.threads, "sides": results}, out,
                      indent=1)
            out.write("\n")
        os.replace(options.out + ".part", options.out)


if __name__ == "__main__":
    main()
