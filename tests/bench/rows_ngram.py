"""N-gram models against KenLM's lmplz (perplexity, time, memory) and NLTK.

lmplz is looked for in the variable LMPLZ, on the path, and in build/kenlm; where it is missing, it is built there from
PyPI's source package of kenlm, which needs cmake, a compiler, Boost and the network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from course.ngram import NGram, kneser_ney, perplexity, read_arpa
from course.toolbox.corpora.farm import documents, farm
from tests.bench.harness import Figures, PeerMissing, _seconds, peer, row, threads

KENLM = Path(__file__).resolve().parents[2] / "build" / "kenlm"


@cache
def lmplz() -> str:
    """The program lmplz, built when need be."""
    found = (
        os.environ.get("LMPLZ")
        or shutil.which("lmplz")
        or next(map(str, KENLM.glob("*/build/bin/lmplz")), None)
    )
    if found:
        return found
    if not shutil.which("cmake"):
        raise PeerMissing("lmplz is not there and cannot be built: cmake is not installed")
    KENLM.mkdir(parents=True, exist_ok=True)
    fetch = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-build-isolation",
        "--no-binary",
        ":all:",
        "kenlm",
    ]
    try:
        subprocess.run(fetch, cwd=KENLM, check=True, capture_output=True)
        with tarfile.open(next(KENLM.glob("kenlm-*.tar.gz"))) as archive:
            archive.extractall(KENLM, filter="data")
        folder = next(p for p in KENLM.glob("kenlm-*") if p.is_dir()) / "build"
        folder.mkdir(exist_ok=True)
        for command in (
            ["cmake", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_POLICY_VERSION_MINIMUM=3.5", ".."],
            ["make", "lmplz"],
        ):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except (subprocess.CalledProcessError, StopIteration, OSError) as error:
        raise PeerMissing(f"lmplz cannot be built: {type(error).__name__}") from error
    return str(folder / "bin" / "lmplz")


def run_lmplz(text: Path, arpa: Path, n: int, memory: str = "100M") -> None:
    """Text file to ARPA file."""
    command = [lmplz(), "-o", str(n), "--discount_fallback", "-S", memory, "-T", str(arpa.parent)]
    subprocess.run([*command, "--text", str(text), "--arpa", str(arpa)], check=True, capture_output=True)


def pydoc() -> list[list[str]]:
    """The lines of Python's own help texts."""
    from pydoc_data.topics import topics

    lines = [line.split() for line in "\n".join(topics.values()).splitlines()]
    return [[w for w in line if w not in ("<s>", "</s>", "<unk>")] for line in lines if line]


def zipf(tokens: int) -> list[list[str]]:
    """Sentences of words whose frequencies follow Zipf's law; the next word depends on the last one."""
    rng = np.random.default_rng(0)
    rank = np.minimum(rng.zipf(1.3, tokens), 50_000)
    repeat = rng.random(tokens) < 0.5  # half of the words are fixed by the word before
    for t in range(1, 4):  # a few rounds are enough to spread the dependence
        rank[t::4] = np.where(
            repeat[t::4], (rank[t - 1 :: 4][: len(rank[t::4])] * 7919) % 20_000 + 1, rank[t::4]
        )
    words = [f"w{r}" for r in rank.tolist()]
    return [words[i : i + 20] for i in range(0, tokens, 20)]


def write(path: Path, sentences: list[list[str]]) -> Path:
    path.write_text("".join(" ".join(s) + "\n" for s in sentences), encoding="utf-8")
    return path


@row("kn-quality", peer="KenLM lmplz", goal=1e-6, goal_op="<=")
def kn_quality() -> Figures:
    """Largest relative difference of held-out perplexities, orders 2-5, three corpora."""
    corpora = [documents(farm(), np.random.default_rng(0), 600), pydoc(), zipf(60_000)]
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for sentences in corpora:
            cut = len(sentences) * 9 // 10
            text, arpa = write(Path(folder) / "text", sentences[:cut]), Path(folder) / "arpa"
            for n in (2, 3, 4, 5):
                run_lmplz(text, arpa, n)
                theirs = perplexity(read_arpa(arpa), sentences[cut:])
                worst = max(
                    worst,
                    abs(perplexity(NGram(n, kneser_ney()).fit_file(text), sentences[cut:]) / theirs - 1),
                )
    return Figures(1.0, worst, "difference")


def train_row(tokens: int, memory: str, rounds: int, n: int = 5, make=zipf) -> Figures:
    """Tokens per second from a text file to a model, both sides in turns."""
    with tempfile.TemporaryDirectory() as folder:
        text, arpa = write(Path(folder) / "text", make(tokens)), Path(folder) / "arpa"
        times = [
            (
                _seconds(lambda: NGram(n, kneser_ney()).fit_file(text)),
                _seconds(lambda: run_lmplz(text, arpa, n, memory)),
            )
            for _ in range(rounds)
        ]
    mine, other = (median(side) for side in zip(*times))
    return Figures(tokens / mine, tokens / other, "tokens/s", better="more")


@row("kn-train-200k", peer="KenLM lmplz", goal=3.5)
def kn_train_200k() -> Figures:
    """200,000 tokens with Zipf's law, order 5, text file to model; lmplz writes its ARPA file."""
    return train_row(200_000, "100M", 7)


@row("kn-train-200k:farm", peer="KenLM lmplz", goal=3.5)
def kn_train_200k_farm() -> Figures:
    """The same on Farm, which has few different n-grams, so that lmplz has little to write."""
    return train_row(200_000, "100M", 7, make=lambda n: documents(farm(), np.random.default_rng(0), n // 179))


@row("kn-train-10m", peer="KenLM lmplz", goal=1)
def kn_train_10m() -> Figures:
    """10,000,000 tokens with Zipf's law, order 3, text file to model; lmplz writes its ARPA file."""
    return train_row(10_000_000, "2G", 1, n=3)


def peak_of(command: list[str]) -> float:
    """Peak resident memory of a program in MB, as a fresh process reports it of its only child."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads())}
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True, env=environment
    )
    return float(done.stdout)


@row("kn-memory-10m", peer="KenLM lmplz", goal=0.5)
def kn_memory_10m() -> Figures:
    """Peak resident memory of the same."""
    with tempfile.TemporaryDirectory() as folder:
        text = write(Path(folder) / "text", zipf(10_000_000))
        code = f"from course.ngram import *; NGram(3, kneser_ney()).fit_file({str(text)!r})"
        mine = peak_of([sys.executable, "-c", code])
        theirs = peak_of([lmplz(), "-o", "3", "--discount_fallback", "-S", "2G", "-T", folder, "--text", str(text),
                          "--arpa", f"{folder}/arpa"])  # fmt: skip
    return Figures(mine, theirs, "MB")


def nltk_sides():
    """Our model and NLTK's, order 3, on the same text, as (train, score) pairs; and the number of tokens scored."""
    lm = peer("nltk.lm")
    pipeline = peer("nltk.lm.preprocessing")
    sentences = pydoc()
    train, held = sentences[:4000], sentences[4000:4006]

    def ours():
        return NGram(3, kneser_ney(False)).fit(train)

    def theirs():
        model = lm.KneserNeyInterpolated(3)
        model.fit(*pipeline.padded_everygram_pipeline(3, train))
        return model

    def score(model) -> None:
        for s in held:
            padded = ["<s>", "<s>", *s, "</s>"]
            for t in range(2, len(padded)):
                model.logscore(padded[t], padded[t - 2 : t])

    return (
        (ours, lambda m: m.logprobs(held * 50)),
        (theirs, score),
        len(held) * 21,
        sum(len(s) + 1 for s in held) * 50,
    )


@row("kn-nltk-train", peer="NLTK KneserNeyInterpolated", goal=50)
def kn_nltk_train() -> Figures:
    """Order 3, 4,000 lines of Python's help texts: seconds of training."""
    (ours, _), (theirs, _), _, _ = nltk_sides()
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(5)]
    return Figures(*(median(side) for side in zip(*times)), "s")


@row("kn-nltk-score", peer="NLTK KneserNeyInterpolated", goal=10_000)
def kn_nltk_score() -> Figures:
    """The same models: tokens scored per second."""
    (train, logprobs), (their_train, score), few, many = nltk_sides()
    mine, other = train(), their_train()
    a, b = median(_seconds(lambda: logprobs(mine)) for _ in range(5)), _seconds(lambda: score(other))
    return Figures(many / a, few / b, "tokens/s", better="more")
