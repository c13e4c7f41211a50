"""Reference for the zero-shot tasks: lm-evaluation-harness's own prompts, scoring and picks.

    pip install "lm-eval==0.4.13" "transformers<5" torch gguf datasets
    python make_task_choices.py --model DIR [--data FOLDER] [--limit 200] --out tests/data/tasks/golden.json

DIR holds SmolLM2-135M's GGUF (or is a Hugging Face folder); FOLDER is a folder of tasks in the layouts their authors
publish: piqa, arc_easy, winogrande, openbookqa. The harness wants its data from the hub; here each task's own yaml is
included and told to read a local JSON file instead, which holds the published items in the schema that the yaml expects.
Everything else (templates, tokenisation, batches, log-likelihoods, picks) is the harness's code, in f32 without BOS.

The output: "requests", of the small files beside it, all ten tasks: for every item the (context, continuation) pairs,
their log-likelihoods, whether greedy, and the right answer; "choices", of the published data's first items: the index of
the option with the highest log-likelihood, and of the one with the highest per character.
"""

import argparse
import csv
import glob
import json
import os
import re
import tempfile
import time

import numpy as np

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "tasks")
CHOICES = ["A", "B", "C", "D"]


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def labels(path):
    with open(path) as file:
        return [int(line) for line in file]


def piqa(folder):
    right = labels(folder + "/valid-labels.lst")
    return [dict(item, label=label) for item, label in zip(lines(folder + "/valid.jsonl"), right)]


def arc(path):
    docs = []
    for item in lines(path):
        choices = item["question"]["choices"]
        docs.append({
            "id": item["id"],
            "question": item["question"]["stem"],
            "choices": {"text": [c["text"] for c in choices], "label": [c["label"] for c in choices]},
            "answerKey": item["answerKey"],
        })
    return docs


def openbookqa(folder):
    docs = arc(folder + "/test.jsonl")
    for doc in docs:
        doc["question_stem"] = doc.pop("question")
    return docs


def race(folder):
    docs = []
    files = sorted(glob.glob(folder + "/*.txt"), key=lambda path: int(re.sub(r"\D", "", os.path.basename(path))))
    for path in files:
        with open(path, encoding="utf-8") as file:
            item = json.load(file)
        problems = [{"question": q, "answer": a, "options": o}
                    for q, a, o in zip(item["questions"], item["answers"], item["options"])]
        docs.append({"article": item["article"], "problems": str(problems)})
    return docs


def mmlu(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [{"question": row[0], "choices": row[1:5], "answer": CHOICES.index(row[5])}
                for row in csv.reader(file)]


def boolq(path):
    return [dict(item, label=int(item["label"])) for item in lines(path)]


# task: (the harness's yaml, its split, how to read the data in a folder)
TASKS = {
    "piqa": ("piqa/piqa.yaml", "validation", piqa),
    "arc_easy": ("arc/arc_easy.yaml", "test", lambda f: arc(f + "/ARC-Easy-Test.jsonl")),
    "arc_challenge": ("arc/arc_challenge.yaml", "test", lambda f: arc(f + "/ARC-Challenge-Test.jsonl")),
    "winogrande": ("winogrande/default.yaml", "validation", lambda f: lines(f + "/dev.jsonl")),
    "openbookqa": ("openbookqa/openbookqa.yaml", "test", openbookqa),
    "race": ("race/race.yaml", "test", race),
    "hellaswag": ("hellaswag/hellaswag.yaml", "validation", lambda f: lines(f + "/hellaswag_val.jsonl")),
    "boolq": ("super_glue/boolq/default.yaml", "validation", lambda f: boolq(f + "/val.jsonl")),
    "lambada_openai": ("lambada/lambada_openai.yaml", "test", lambda f: lines(f + "/lambada_test.jsonl")),
    "mmlu/anatomy": ("mmlu/default/mmlu_anatomy.yaml", "test", lambda f: mmlu(f + "_test.csv")),
    "mmlu/high_school_physics": ("mmlu/default/mmlu_high_school_physics.yaml", "test",
                                 lambda f: mmlu(f + "_test.csv")),
}
PUBLISHED = ["piqa", "arc_easy", "winogrande", "openbookqa"]


def evaluate(model, work, names, folder, limit, harness):
    import lm_eval
    from lm_eval.tasks import TaskManager

    tasks = []
    for name in names:
        yaml, split, read = TASKS[name]
        docs = read(os.path.join(folder, name))
        if limit:
            docs = docs[:limit]
        local = name.replace("/", "_") + ("_published" if limit else "_small")
        path = os.path.join(work, local + ".jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for doc in docs:
                file.write(json.dumps(doc) + "\n")
        with open(os.path.join(work, local + ".yaml"), "w") as file:
            file.write(f"include: {os.path.join(harness, 'tasks', yaml)}\n"
                       f"task: {local}\ntag: null\ndataset_path: json\ndataset_name: null\n"
                       f"dataset_kwargs:\n  data_files:\n    {split}: {path}\n"
                       "training_split: null\n"
                       f"validation_split: {split if split == 'validation' else 'null'}\n"
                       f"test_split: {split if split == 'test' else 'null'}\n"
                       f"fewshot_split: {split}\n")
        tasks.append(local)
    manager = TaskManager(include_path=work)
    began = time.time()
    results = lm_eval.simple_evaluate(model=model, tasks=tasks, task_manager=manager, log_samples=True,
                                      bootstrap_iters=0)
    seconds = time.time() - began
    return dict(zip(names, tasks)), results, seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data")
    parser.add_argument("--tasks", nargs="*", default=PUBLISHED, help="of the published data")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()

    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    import lm_eval
    import torch
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if options.threads:
        torch.set_num_threads(options.threads)
    harness = os.path.dirname(lm_eval.__file__)
    gguf = glob.glob(os.path.join(options.model, "*.gguf"))
    given = {"gguf_file": os.path.basename(gguf[0])} if gguf else {}
    tokenizer = AutoTokenizer.from_pretrained(options.model, **given)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, **given).eval()
    model = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=options.batch, device="cpu", add_bos_token=False)

    document = {"harness": lm_eval.__version__, "requests": {}, "choices": {}}

    def save():
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=None, separators=(",", ":"))
            file.write("\n")

    with tempfile.TemporaryDirectory() as work:
        names, results, _ = evaluate(model, work, list(TASKS), HERE, 0, harness)
        for name, local in names.items():
            items = []
            for sample in sorted(results["samples"][local], key=lambda s: s["doc_id"]):
                pairs = [[a["arg_0"], a["arg_1"]] for a in sample["arguments"].values()] \
                    if isinstance(sample["arguments"], dict) else [list(a[:2]) for a in sample["arguments"]]
                scores = [r[0] if isinstance(r[0], (list, tuple)) else r for r in sample["resps"]]
                items.append({
                    "requests": pairs,
                    "log_likelihoods": [round(float(s[0]), 5) for s in scores],
                    "greedy": [bool(str(s[1]) == "True") for s in scores],
                    "target": sample["target"],
                })
            metrics = {key.split(",")[0]: value for key, value in results["results"][local].items()
                       if isinstance(value, float)}
            document["requests"][name] = {"items": items, "metrics": metrics}
        save()
        for name in options.tasks if options.data else []:
            names, results, seconds = evaluate(model, work, [name], options.data, options.limit, harness)
            local = names[name]
            picks, normalised = [], []
            for sample in sorted(results["samples"][local], key=lambda s: s["doc_id"]):
                scores = [r[0] if isinstance(r[0], (list, tuple)) else r for r in sample["resps"]]
                scores = np.array([float(s[0]) for s in scores])
                picks.append(int(np.argmax(scores)))
                if name != "winogrande":
                    doc = sample["doc"]
                    texts = [doc["sol1"], doc["sol2"]] if name == "piqa" else doc["choices"]["text"]
                    normalised.append(int(np.argmax(scores / np.array([float(len(t)) for t in texts]))))
            document["choices"][name] = {
                "acc": picks,
                **({"acc_norm": normalised} if normalised else {}),
                "metrics": {key.split(",")[0]: value for key, value in results["results"][local].items()
                            if isinstance(value, float)},
            }
            print(name, len(picks), "items", round(seconds, 1), "s", flush=True)
            save()


if __name__ == "__main__":
    main()
