"""docs/quality.md from the cells in docs/measured: quality_table.py [FOLDER [OUT]]."""
import json
import math
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "measured"
out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs" / "quality.md"
if not any(folder.glob("*.json")):
    sys.exit(f"quality_table.py: there are no cells in {folder}")

METHODS = ["dense", "magnitude", "wanda", "sparsegpt", "thanos", "admm", "leap", "maskllm", "patch", "joint"]
PROJECTIONS = [kind + "_proj" for kind in ("q", "k", "v", "o", "gate", "up", "down")]
FREE = ["leap", "patch", "joint"]
ONE_SHOT = ["magnitude", "wanda", "sparsegpt", "thanos", "admm"]
TITLES = {"wanda": "Wanda", "sparsegpt": "SparseGPT", "thanos": "Thanos", "admm": "ADMM", "leap": "LEAP",
          "patch": "PATCH-Tile", "joint": "PATCH-Joint", "maskllm": "MaskLLM", "magnitude": "magnitude", "dense": "dense"}
TEXTS = {"train_subset": "WikiText-2 train text", "default": "the default text"}


def right(task):
    return [int(b) for b in f"{int(task['correct'], 16):0{task['n']}b}"]


def mean_accuracy(cell):
    tasks = cell.get("tasks", {})
    return sum(t["acc"] for t in tasks.values()) / len(tasks) if tasks else None


def paired(cell, base):
    """The difference of mean accuracies and half its 95 % interval: items in pairs, normal approximation."""
    own, other = cell.get("tasks", {}), base.get("tasks", {})
    names = [n for n in own if n in other and own[n].get("items") == other[n].get("items")]
    if not names or len(names) != len(own):
        return None
    total, variance = 0.0, 0.0
    for name in names:
        differences = [a - b for a, b in zip(right(own[name]), right(other[name]))]
        mean = sum(differences) / len(differences)
        total += mean
        variance += sum((d - mean) ** 2 for d in differences) / (len(differences) - 1) / len(differences)
    return total / len(names), 1.96 * math.sqrt(variance) / len(names)


def parts(name):
    method, *rest = name.split("-")
    finish = method.endswith("+optima")
    return method.removesuffix("+optima"), finish, rest


def title(name):
    method, finish, rest = parts(name)
    text = TITLES.get(method, method) + (" + OPTIMA" if finish else "")
    written = {"own": "on text of its own", "mix": "on as much text of its own"}
    if method == "leap":
        text += f", {rest[1]} min"
        if len(rest) > 2:
            text += ", " + ", ".join(written.get(lever, lever) for lever in rest[2].split("+"))
    elif method in ONE_SHOT and len(rest) > 1:
        text += ", " + written[rest[1]]
    if method == "joint":
        text += f", tile {rest[1]}"
    if method == "patch":
        kinds = {"random": " tiles by chance", "prior": " tiles by the prior alone"}
        kind = rest.pop(0) if rest[0] in kinds else None
        text += kinds.get(kind, " learned") + f", tile {rest[1]}" + (f" over {rest[2]}" if len(rest) > 2 else "")
    return text


def budget(name):
    method, _, rest = parts(name)
    if method == "dense":
        return "0"
    if method == "patch" and rest[0] in ("random", "prior"):
        return rest[1]
    return rest[0].replace("of", ":")


def order(name):
    method, finish, rest = parts(name)
    return METHODS.index(method) if method in METHODS else 99, finish, [int(r) if r.isdigit() else 0 for r in rest], rest


def rows(cells):
    """One table a sparsity, dense first in each."""
    dense = cells.get("dense")
    groups = {}
    for name in cells:
        if name != "dense":
            groups.setdefault((parts(name)[0] in ("patch", "joint"), budget(name)), []).append(name)
    for (_, sparsity), names in sorted(groups.items()):
        tasks = any(cells[n].get("tasks") for n in names)
        yield f"### {sparsity + ' %' if sparsity.isdigit() else sparsity} sparse\n"
        head = ["", "perplexity", "times dense", "minutes", "tokens learned", "peak memory"]
        if tasks:
            head[3:3] = ["mean accuracy", "less ADMM's (95 %)"]
        yield "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
        admm = cells.get(f"admm-{sparsity.replace(':', 'of')}")
        for name in ([] if dense is None else ["dense"]) + sorted(names, key=order):
            cell = cells[name]
            value = cell["perplexity"]["value"]
            short = parts(name)[0] in ONE_SHOT[1:] and "calibration_windows" not in (cell.get("options") or {})
            line = [title(name) + (" *" if short else ""), f"{value:.2f}" if value < 100 else f"{value:.0f}",
                    f"{value / dense['perplexity']['value']:.3f}" if dense else ""]
            if tasks:
                accuracy = mean_accuracy(cell)
                line.append("" if accuracy is None else f"{100 * accuracy:.1f} %")
                against = paired(cell, admm) if admm and admm is not cell else None
                line.append("" if against is None else f"{100 * against[0]:+.1f} ± {100 * against[1]:.1f}")
            seconds = cell.get("seconds") or {}
            spent = sum(v for k, v in seconds.items() if k != "total")
            if cell.get("undisturbed_step_seconds"):
                line.append(f"{cell['steps'] * cell['undisturbed_step_seconds'] / 60:.0f} by steps")
            else:
                line.append(f"{spent / 60:.1f}" if spent else "")
            line.append(f"{cell['tokens_trained'] / 1e3:.0f} k" if cell.get("tokens_trained") else "")
            line.append(f"{cell['peak_bytes'] / 2**30:.2f} GiB" if cell.get("peak_bytes") else "")
            yield "| " + " | ".join(line) + " |\n"
        yield "\n"


def allocations(cells, figure):
    """What each kind of matrix keeps of its weights, where a mask was free to choose; by block in `figure`."""
    learned = {n: c["allocation"] for n, c in cells.items() if "allocation" in c and parts(n)[0] in FREE}
    if not learned:
        return
    names = sorted(learned, key=lambda n: (budget(n), order(n)))
    yield "### What is kept of each kind of matrix, and in the sparsest and the densest block\n"
    head = [""] + [name.removesuffix("_proj") for name in PROJECTIONS] + ["sparsest block", "densest block"]
    yield "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
    for name in names:
        weights, kept = learned[name]["weights"], learned[name]["kept"]
        blocks = [sum(weights[p] * kept[p][b] for p in PROJECTIONS) / sum(weights[p] for p in PROJECTIONS)
                  for b in range(len(kept["q_proj"]))]
        line = [f"{budget(name)} %, {title(name)}"]
        line += [f"{100 * sum(kept[p]) / len(kept[p]):.1f} %" for p in PROJECTIONS]
        for extreme in (min, max):
            line.append(f"{100 * extreme(blocks):.1f} % ({blocks.index(extreme(blocks))})")
        yield "| " + " | ".join(line) + " |\n"
    write(figure, drawn(names, learned))
    yield f"\n![Shares kept, by block and kind of matrix](pictures/{figure.name})\n\n"


def drawn(names, learned):
    """A grid a cell: a row for each kind of matrix, a column a block, blue where more is kept than in the mean, red
    where less; the deepest colour is 10 points away."""
    size, left, top = 12, 40, 24
    blocks = max(len(learned[n]["kept"]["q_proj"]) for n in names)
    height = top + len(PROJECTIONS) * size + 16
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + blocks * size + 8}" height="{height * len(names) + 16}" '
           'font-family="sans-serif" font-size="10"><rect width="100%" height="100%" fill="#fff"/>\n')
    for number, name in enumerate(names):
        y0, mean = number * height, 1 - float(budget(name)) / 100
        yield f'<text x="{left}" y="{y0 + 15}" fill="#222">{budget(name)} %, {title(name)}</text>\n'
        for row, projection in enumerate(PROJECTIONS):
            y = y0 + top + row * size
            yield f'<text x="{left - 4}" y="{y + 9}" text-anchor="end" fill="#555">{projection.removesuffix("_proj")}</text>\n'
            for block, share in enumerate(learned[name]["kept"][projection]):
                away = max(-1.0, min(1.0, (share - mean) / 0.1))
                other = round(255 * (1 - abs(away)))
                colour = f"#{other:02x}{other:02x}ff" if away >= 0 else f"#ff{other:02x}{other:02x}"
                yield (f'<rect x="{left + block * size}" y="{y}" width="{size - 1}" height="{size - 1}" fill="{colour}">'
                       f"<title>block {block}, {projection}: {100 * share:.1f} %</title></rect>\n")
    yield (f'<text x="{left}" y="{height * len(names) + 4}" fill="#555">white: the mean, blue: more kept, red: less '
           "(deepest: 10 points)</text>\n</svg>\n")


def write(file, pieces):
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text("".join(pieces))
    part.replace(file)


def main():
    texts = {}
    for file in sorted(folder.glob("*.json")):
        cell = json.load(open(file))
        if "cell" in cell:
            texts.setdefault(cell["learning_text"], {})[cell["cell"]] = cell
    lines = ["# Quality\n\n",
             "SmolLM2-135M-Instruct, WikiText-2 test text (20 windows of 2048 tokens, bf16), read once a cell. "
             "`packaging/quality.sh` makes a cell, `packaging/quality_table.py` this page from `docs/measured`. "
             "Settings were chosen on WikiText-2's validation text. Minutes are those of the run, all phases; \"by "
             "steps\" where it shared its machine or was held up: then it took the steps that so many minutes hold on "
             "two cores of an AMD EPYC (Zen 4) left alone, at the pace of the slowest such machine seen; "
             "learning alone (262 thousand tokens of the model's own text took another 7 minutes). A mask that learned on "
             "text of its own read none of the other. One-shot "
             "methods calibrate on 128 x 2048 tokens, those with an asterisk on 32 x 1024. Accuracy is the mean over "
             "PIQA, ARC-Easy, WinoGrande and OpenBookQA (5981 items); its differences are of the same items, in "
             "pairs. What is not listed was not measured.\n\n"]
    dense = next((c["dense"] for c in texts.values() if "dense" in c), None)
    for kind, cells in sorted(texts.items(), key=lambda item: item[0] != "train_subset"):
        if dense is not None:
            cells.setdefault("dense", dense)
        lines.append(f"## Learned and calibrated on {TEXTS.get(kind, kind)}\n\n")
        lines.extend(rows(cells))
        lines.extend(allocations(cells, out.parent / "pictures" / f"allocation-{kind}.svg"))
    write(out, re.sub(r"\n{3,}", "\n\n", "".join(lines)).rstrip() + "\n")


if __name__ == "__main__":
    main()
