"""The same mutants through the entries of the assignments: what a student would read, and the marks."""

from __future__ import annotations

import time

from autograder.assignments import table
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry

from .core import Target, Verdict, load

__all__ = ["ENTRIES", "judge_entries"]

# assignment -> name of a target -> the entries that its source answers
ENTRIES: dict[str, dict[str, tuple[str, ...]]] = {
    "A01-neurons-and-losses": {
        "neuron": ("neuron",),
        "softmax": ("softmax",),
        "log_softmax": ("log-softmax",),
        "bce_with_logits": ("bce-with-logits",),
        "mse": ("mse",),
        "rbf": ("rbf",),
        "maxout": ("maxout",),
        "prelu": ("prelu",),
    },
    "A02-backprop-by-hand": {
        "affine": ("affine-forward", "affine-backward"),
        "softmax_ce": ("softmax-ce",),
        "nn": ("nn-forward", "nn-backward"),
    },
    "A03-computation-graphs": {
        "op-add": ("op-add", "unbroadcast"),
        "op-mul": ("op-mul", "unbroadcast"),
        "op-matmul": ("op-matmul",),
        "op-pick": ("op-pick",),
        "op-softmax-ce": ("op-softmax-ce",),
    },
    "A04-optimisation-and-regularisation": {
        **{
            name: (name,)
            for name in ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw")
        },
        "clip": ("clip-by-global-norm",),
        "schedule": ("schedule",),
        "penalty of a dict": ("penalty",),
        "batchnorm with running statistics": ("batchnorm-forward",),
    },
    "A06-ngram-language-models": {"ngrams": ("ngrams",)},
    "A05-words-as-vectors": {
        "embedding": ("embedding-forward", "embedding-backward"),
        "mlp-tagger": ("mlp-tagger",),
        "window_batch": ("window-batch",),
    },
    "A07-recurrent-networks": {
        "rnn_step": ("rnn-step-forward", "rnn-step-backward"),
        "rnn": ("rnn-forward", "rnn-backward"),
        "temporal_softmax_ce": ("temporal-softmax-ce",),
        "rnnlm": ("rnnlm",),
    },
    "A08-ngram-vs-rnn": {"interpolate": ("interpolate",)},
    "A09-bidirectional-and-seq2seq": {
        "birnn": ("birnn-forward", "birnn-backward"),
        "decoder": ("decoder-forward", "decoder-backward"),
        "conv1d": ("conv1d-forward", "conv1d-backward"),
        "maxpool1d": ("maxpool1d",),
    },
}


def judge_entries(
    target: Target, assignment: str, source: str, student: str = "ada"
) -> tuple[Verdict, float]:
    """Run a source through its entries: (what was said, marks lost)."""
    started = time.perf_counter()
    found = table(assignment)
    if found is None:
        raise LookupError(f"{assignment} has no table of entries.")
    subject = LocalSubject(load(source, f"<{target.name}>"))
    outcomes = [
        run_entry(found, found[e], 1, subject, [Draws(student)]) for e in ENTRIES[assignment][target.name]
    ]
    lost = sum(o.max_score - o.score for o in outcomes)
    findings = [f for o in outcomes for f in o.findings]
    ids = tuple(dict.fromkeys(i for o in outcomes for i in o.diagnosis))
    text = " ".join(o.message for o in outcomes if o.findings)
    line = next((f.line for f in findings if f.line), None)
    return Verdict(lost > 0, ids, text, line, time.perf_counter() - started), lost
