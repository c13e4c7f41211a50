"""Opens our exports with transformers and compares its logits with ours.

    pip install torch transformers==4.57.* safetensors
    mkdir exports; TESSERA_EXPORTS=exports build/release/tests/tst_families prunedExportsAreTheMaskedModel
    python tests/reference/check_export.py exports

Each folder is a pruned export of a model of make_tiny_families.py with ours.safetensors, the logits [200, 256]
that the engine computes from it in f32. transformers must find every tensor that it wants and no other.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

data = Path(__file__).resolve().parent.parent / "data" / "families"
worst = 0.0
for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(info.values()), (folder.name, info)
    original = AutoModelForCausalLM.from_pretrained(data / folder.name)
    assert type(model) is type(original)
    ids = load_file(data / folder.name / "golden.safetensors")["input_ids"]
    with torch.no_grad():
        theirs = model.eval()(ids.unsqueeze(0)).logits[0]
    ours = load_file(folder / "ours.safetensors")["logits"]
    zeros = [
        (parameter == 0).float().mean().item()
        for name, parameter in model.named_parameters()
        if name.endswith("proj.weight")
    ]
    off = (theirs - ours).abs().max().item()
    same = (theirs.argmax(-1) == ours.argmax(-1)).all().item()
    print(
        f"{folder.name:14} {type(model).__name__:20} logits at most {off:.1e} apart, "
        f"likeliest tokens {'the same' if same else 'NOT the same'}, zeros {min(zeros):.4f} to {max(zeros):.4f}"
    )
    assert same and off < 1e-4
    worst = max(worst, off)
print(f"all within {worst:.1e}")
