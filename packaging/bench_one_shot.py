"""What bench-one-shot.sh runs: blocks pruned by the engine and by tests/reference/one_shot.py, in turns."""
import argparse
import datetime
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "tests/reference/one_shot.py"


def between(moments):
    """Seconds from each moment to the next; the first block warms up."""
    return [later - earlier for earlier, later in zip(moments, moments[1:])]


def ours(options, method, turn):
    """Seconds of each timed block; the run is stopped behind the last."""
    out = Path(options.work) / f"{method}-{turn}"
    command = [options.cli, "run", "--model", options.model, "--method", method, "--sparsity", "0.5", "--text",
               options.text, "--threads", str(options.threads), "--set", f"calibration_windows={options.windows}",
               "--set", f"calibration_context={options.context}", "--set", "eval_windows=0", "--out", str(out), "--json"]
    moments = []
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in run.stdout:
        event = json.loads(line)
        if event.get("unit") == "block":
            moments.append(time.monotonic())
            if len(moments) > options.blocks:
                run.send_signal(signal.SIGKILL)
                break
    run.wait()
    if len(moments) <= options.blocks:
        sys.exit(f"{method}: the run ended behind block {len(moments)}: {' '.join(command)}")
    return between(moments)


def theirs(options, method):
    command = [sys.executable, str(REFERENCE), "model", "--model", options.model, "--method", method, "--text",
               options.text, "--windows", str(options.windows), "--context", str(options.context), "--blocks",
               str(options.blocks + 1)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    moments = []
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    for line in run.stdout:
        if re.match(r"block \d+:", line):
            moments.append(time.monotonic())
    if run.wait():
        sys.exit(f"{method}: the PyTorch form failed")
    return between(moments)


def main():
    parser = argparse.ArgumentParser()
    for name in ("cli", "model", "work", "text"):
        parser.add_argument("--" + name, required=True)
    for name in ("threads", "windows", "context", "blocks", "rounds"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--methods", nargs="+", required=True)
    parser.add_argument("--out")
    options = parser.parse_args()
    results = {method: {"tessera": [], "pytorch": []} for method in options.methods}
    for turn in range(options.rounds):
        for method in options.methods:
            print(f"turn {turn + 1} of {options.rounds}: {method}", file=sys.stderr)
            results[method]["tessera"] += ours(options, method, turn)
            results[method]["pytorch"] += theirs(options, method)
    print(f"{'':12}{'ours, s a block':>17}{'PyTorch':>9}{'ours is':>10}")
    for method, result in results.items():
        own, other = (statistics.median(result[side]) for side in ("tessera", "pytorch"))
        result["ours_is_times_as_fast"] = other / own
        print(f"{method:12}{own:17.2f}{other:9.2f}{other / own:9.2f}x")
    if options.out:
        document = {"threads": options.threads, "windows": options.windows, "context": options.context,
                    "date": datetime.date.today().isoformat(), "methods": results}
        with open(options.out + ".part", "w") as out:
            json.dump(document, out, indent=1)
            out.write("\n")
        os.replace(options.out + ".part", options.out)


if __name__ == "__main__":
    main()
