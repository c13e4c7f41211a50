#!/usr/bin/env python3
"""Makes the small tokenizers of tests/text and what the libraries do with them:
    make_tokenizer_cases.py LICENSE tests/data/text
writes tokenizer_cases.json (models trained on the LICENSE, every normalizer, pre-tokenizer, decoder and kind of added
token, and the ids and texts that `tokenizers` 0.22 makes with them) and tiny_bpe.model, tiny_user.model,
tiny_unigram.model with sentencepiece.json (trained by and encoded with `sentencepiece` 0.2)."""
import json
import pathlib
import random
import sys
import unicodedata

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

license_file, out = sys.argv[1], pathlib.Path(sys.argv[2])
rng = random.Random(11)
# Characters that every Unicode version in use knows.
known = [c for c in map(chr, range(0x20, 0x30000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
TEXTS = [
    "", " ", "  ", "a", " a", "Hello, world!", "  two  spaces   three    four ", "tab\tand\nnew\n\nlines\r\n\r\n  x",
    "It's WE'LL you've they'RE I'm he'd don't 'Tis", "Numbers: 1 12 123 1234 12345 1234567 3.14159 \u00b2\u00bd\u2167 x2y3",
    "def f(x):\n    return x ** 2  # comment\n\n\n", "caf\u00e9 nai\u0308ve \u00fcber STRASSE stra\u00dfe \u0130stanbul",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4 \u4e2d\u6587\u3002 \u0645\u0631\u062d\u0628\u0627 \u0939\u093f\u0928\u094d\u0926\u0940",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2603\ufe0f", "\u00a0no\u2003break\u3000wide\u180emongol\u200bzero\u0085next\u2028line",
    "the licensee may convey the work under this License, provided that you", "\ufb01ne \u2460 \uff21\uff22\uff23 \u1e9b\u0323 A\u030a\u0327",
    "<s>a</s> <s> b </s>c <unk>d", "word<tok>word <tok> word  <tok>  word", "<strip>  a  <strip>  b", "  <left>x  <left> y<right>  z <right>",
    "whole hole whole. wholesome a whole_ whole", "Mixed mixed MIXED", "_under_score__ CamelCase don_t a-b-c <0x41> \u2581\u2581x\u2581 y",
    "x" * 70 + " " * 40 + "y" * 3, "!?!?... --- (parentheses) [brackets] $5+3=8 ^~`|", "\u0e01\u0e33\u0e25\u0e31\u0e07 \u1780\u17b6\u1793\u17cb",
]
for _ in range(4):
    TEXTS.append("".join(rng.choice(known) if rng.random() < 0.3 else rng.choice("etaoin shrdlu\n ETA 0123,.'") for _ in range(60)))


def train(model, trainer, normalizer, pre_tokenizer):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train([license_file], trainer)
    return json.loads(tokenizer.to_str())["model"]


BYTES = [f"<0x{b:02X}>" for b in range(256)]
spaces = normalizers.Replace(" ", "\u2581")
byte_model = train(models.BPE(), trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False), None, pre_tokenizers.ByteLevel(add_prefix_space=False))
fallback = train(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True), trainers.BpeTrainer(vocab_size=560, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False), None, pre_tokenizers.Metaspace())
unknown = train(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], limit_alphabet=40, show_progress=False), None, pre_tokenizers.WhitespaceSplit())
unigram = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False), None, pre_tokenizers.Metaspace())
unigram_bytes = json.loads(json.dumps(unigram))
unigram_bytes["vocab"] += [[b, -20.0] for b in BYTES]
unigram_bytes["byte_fallback"] = True
MODELS = {"bytes": byte_model, "whole": dict(byte_model, ignore_merges=True), "fallback": fallback, "unknown": unknown,
          "fused": dict(unknown, fuse_unk=True), "unigram": unigram, "unigram_bytes": unigram_bytes}

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
P, N, D = pre_tokenizers, normalizers, decoders
raw = P.ByteLevel(add_prefix_space=False, use_regex=False)


def isolated(*patterns):
    return P.Sequence([P.Split(Regex(p), "isolated") for p in patterns] + [raw])


cases = []


def case(name, model, normalizer=None, pre_tokenizer=None, decoder=None, added=()):
    skeleton = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": MODELS[model]}
    tokenizer = Tokenizer.from_str(json.dumps(skeleton))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    if decoder:
        tokenizer.decoder = decoder
    for token in added:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    parts = json.loads(tokenizer.to_str())
    del parts["model"]
    ids = []
    for text in TEXTS:
        try:
            ids.append(tokenizer.encode(text, add_special_tokens=False).ids)
        except BaseException as panic:  # the library breaks on some; there is nothing to compare with
            print(name, repr(text), panic)
            ids.append(None)
    # Absent: as the text, and as with the special tokens.
    whole = [tokenizer.decode(i or [], skip_special_tokens=False) for i in ids]
    plain = [tokenizer.decode(i or [], skip_special_tokens=True) for i in ids]
    cases.append({"name": name, "model": model, "parts": parts, "ids": ids,
                  "decoded": {i: w for i, (w, t) in enumerate(zip(whole, TEXTS)) if w != t},
                  "plain": {i: p for i, (p, w) in enumerate(zip(plain, whole)) if p != w}})


KINDS = [AddedToken("<tok>", normalized=False), AddedToken("<strip>", lstrip=True, rstrip=True, normalized=False),
         AddedToken("<left>", lstrip=True, normalized=True), AddedToken("<right>", rstrip=True, normalized=False),
         AddedToken("whole", single_word=True, normalized=True), AddedToken("Mixed", normalized=True),
         AddedToken("<to", normalized=False), AddedToken("<s>", special=True, normalized=False),
         AddedToken("</s>", special=True, normalized=False), AddedToken("  ", normalized=False)]
byte_decoder = D.ByteLevel()
case("gpt-2", "bytes", None, P.ByteLevel(add_prefix_space=False), byte_decoder, KINDS)
case("prefix space", "bytes", None, P.ByteLevel(add_prefix_space=True), byte_decoder, KINDS)
case("digits", "bytes", None, P.Sequence([P.Digits(True), P.ByteLevel(add_prefix_space=False)]), byte_decoder)
case("digits together", "bytes", None, P.Sequence([P.Digits(False), raw]), byte_decoder)
case("qwen", "bytes", N.NFC(), isolated(LLAMA3), byte_decoder, KINDS)
case("llama 3", "whole", None, isolated(LLAMA3), byte_decoder)
case("gpt-4o", "bytes", None, isolated(GPT4O), byte_decoder)
case("deepseek 3", "bytes", None, isolated(r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""), byte_decoder)
QWEN2 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
TEKKEN = r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
SEED = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"""
LETTERS = r"""\s?[A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293}\x{295}-\x{2af}\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386}\x{388}-\x{38a}\x{38c}\x{38e}-\x{3a1}\x{3a3}-\x{3f5}\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}\x{10a0}-\x{10c5}\x{13a0}-\x{13f5}\x{13f8}-\x{13fd}\x{1c90}-\x{1cba}\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b}\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d}\x{1f20}-\x{1f45}\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4}\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb}\x{1fe0}-\x{1fec}\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107}\x{210a}-\x{2113}\x{2115}\x{2119}-\x{211d}\x{2124}\x{2126}\x{2128}\x{212a}-\x{212d}\x{212f}-\x{2134}\x{2139}\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184}\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d}\x{a680}-\x{a69b}\x{a722}-\x{a76f}\x{a771}-\x{a787}\x{a78b}-\x{a78e}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3}\x{104d8}-\x{104fb}\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}\x{1e900}-\x{1e943}]+"""
CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
case("qwen 2", "bytes", None, isolated(QWEN2), byte_decoder)
case("tekken", "whole", None, isolated(TEKKEN), byte_decoder)
case("seed coder", "bytes", None, isolated(SEED), byte_decoder)
case("deepseek llm", "bytes", None, P.Sequence([P.Split(Regex(p), "isolated") for p in ("[\r\n]", LETTERS, r"\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", r"\s+$", CJK)] + [P.Digits(False), raw]), byte_decoder)
case("deepseek coder", "bytes", None, P.Sequence([P.Split(Regex(p), "isolated") for p in ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK)] + [P.Digits(True), raw]), byte_decoder)
case("empty matches", "bytes", None, isolated(r"\p{N}+", r"(?=(\d{3})+(?!\d))"), byte_decoder)
case("word boundaries", "bytes", None, isolated(r"\b\w+\b|\W", r"\h\H"), byte_decoder)
case("classes", "bytes", None, isolated(r"[^\S\n]+|\D\d", r"\p{Han}|\p{^L}", "\\u0041|(?m:l.n)|^x|y$"), byte_decoder)
case("falcon", "bytes", None, P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(False), P.Split(Regex("[0-9][0-9][0-9]"), "isolated")]), byte_decoder)
for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
    for invert in [False, True]:
        case(f"split {behavior} {invert}", "bytes", None, P.Sequence([P.Split(Regex(r"\s|[aeiou]"), behavior, invert), raw]), byte_decoder)
    case(f"split text {behavior}", "bytes", None, P.Sequence([P.Split("e", behavior), raw]), byte_decoder)
    case(f"punctuation {behavior}", "bytes", None, P.Sequence([P.Punctuation(behavior), raw]), byte_decoder)
case("whitespace", "bytes", None, P.Sequence([P.Whitespace(), raw]), byte_decoder)
case("whitespace split", "bytes", None, P.Sequence([P.WhitespaceSplit(), raw]), byte_decoder)
case("delimiter", "bytes", None, P.Sequence([P.CharDelimiterSplit(" "), raw]), byte_decoder)
for name, normalizer in [("nfd", N.NFD()), ("nfkc", N.NFKC()), ("nfkd", N.NFKD()), ("lowercase", N.Lowercase()), ("strip", N.Strip()),
                         ("strip left", N.Strip(True, False)), ("strip right", N.Strip(False, True)),
                         ("replace", N.Replace(Regex(r"\s+"), " ")), ("sequence", N.Sequence([N.NFKD(), N.Lowercase(), N.Replace("e", "ee"), N.Prepend("_"), N.Strip()]))]:
    case(name, "bytes", normalizer, P.ByteLevel(add_prefix_space=False), byte_decoder, KINDS)
llama_decoder = D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
case("llama 2", "fallback", N.Sequence([N.Prepend("\u2581"), spaces]), None, llama_decoder, KINDS)
case("gemma", "fallback", spaces, P.Split(" ", "merged_with_previous"), D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse()]), KINDS)
for scheme in ["always", "first", "never"]:
    for split in [False, True]:
        case(f"metaspace {scheme} {split}", "fallback", None, P.Metaspace("\u2581", scheme, split), D.Sequence([D.ByteFallback(), D.Metaspace("\u2581", scheme, split)]), KINDS)
case("no decoder", "fallback", None, P.Sequence([P.WhitespaceSplit(), P.Metaspace("\u2581", "first")]), None, KINDS)
case("unknown", "unknown", None, P.WhitespaceSplit(), D.Fuse())
case("unknown fused", "fused", None, P.WhitespaceSplit(), D.Fuse())
case("unigram", "unigram", None, P.Metaspace(), D.Metaspace(), KINDS[-3:-1])
case("unigram bytes", "unigram_bytes", None, P.Metaspace(), llama_decoder, KINDS[-3:-1])
with open(out / "tokenizer_cases.json", "w", encoding="utf-8") as file:
    json.dump({"texts": TEXTS, "models": MODELS, "cases": cases}, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")

golden = {"texts": TEXTS, "models": {}}
for name, options in [("tiny_bpe", dict(model_type="bpe", vocab_size=460, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False)),
                      ("tiny_user", dict(model_type="bpe", vocab_size=300, normalization_rule_name="identity", user_defined_symbols="<tok>,whole")),
                      ("tiny_unigram", dict(model_type="unigram", vocab_size=260, normalization_rule_name="identity"))]:
    sentencepiece.SentencePieceTrainer.train(input=license_file, model_prefix=str(out / name), minloglevel=2, **options)
    (out / f"{name}.vocab").unlink()
    model = sentencepiece.SentencePieceProcessor(str(out / f"{name}.model"))
    # Without the texts that write a control token out: SentencePiece leaves those to others.
    golden["models"][name] = [None if any(c in t for c in ("<s>", "</s>", "<unk>")) else model.encode(t) for t in TEXTS]
with open(out / "sentencepiece.json", "w", encoding="utf-8") as file:
    json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
