"""Entries of assignment A09 for BiTagger and Seq2Seq."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.explain import explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained, pure_check
from autograder.checks.pairs import Pair, gradients
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

from ..a05.objects import Kind, Slip, calls_again, loss_pair, on_objects, own_loss, parameters
from ..a05.replays import Way, explained_by, lost_rows, slipped, tries
from . import models
from .models import Args
from .search import GREEDY_SLIPS, draw_endings, draw_search, greedy

__all__ = ["ENTRIES", "SEQ2SEQ", "sentences"]

TAGGER = Kind(
    "BiTagger",
    "V, C, D, H",
    lambda p: (len(p["E"]), len(p["by"]), np.shape(p["E"])[1], len(p["f_bh"])),
    lambda V, C, D, H: {
        "E": (V, D),
        **{
            f"{s}_{name}": shape
            for s in "fb"
            for name, shape in (("Wxh", (D, H)), ("Whh", (H, H)), ("bh", (H,)))
        },
        "Why": (2 * H, C),
        "by": (C,),
    },
    {"forward": ("ids", "mask"), "loss_and_grads": ("ids", "tags", "mask")},
)


def _seq2seq_shapes(V_src: int, V_tgt: int, D: int, H: int) -> dict[str, tuple[int, ...]]:
    return {
        "enc_E": (V_src, D), "enc_Wxh": (D, H), "enc_Whh": (H, H), "enc_bh": (H,), "dec_E": (V_tgt, D), "dec_Wxh": (D, H),
        "dec_Wch": (H, H), "dec_Whh": (H, H), "dec_bh": (H,), "dec_Why": (H, V_tgt), "dec_by": (V_tgt,),
    }  # fmt: skip


SEQ2SEQ = Kind(
    "Seq2Seq",
    "V_src, V_tgt, D, H",
    lambda p: (len(p["enc_E"]), len(p["dec_by"]), np.shape(p["enc_E"])[1], len(p["enc_bh"])),
    _seq2seq_shapes,
    {"loss_and_grads": ("src", "tgt"), "translate": ("src", "max_len")},
)

# --- BiTagger ---------------------------------------------------------------------------------------------------------


def _draw_tagger(
    rng: np.random.Generator, square: bool = False, T: int = 3, N: int | None = None, pads: bool = True, shift: float = 0.0,
) -> Args:  # fmt: skip
    n, V, C, D, H = (4, 4, 4, 4, 4) if square else (int(k) for k in rng.permutation([2, 3, 5, 7, 11]))
    n = min(n, 5) if N is None else N
    params = TAGGER.draw(rng, max(V, 4), C, D, H)
    params["by"] = params["by"] + shift
    return models.draw_tagger(rng, params, T, n, pads)


TAGGER_LOSS = loss_pair(TAGGER, models.bitagger, _draw_tagger)


def _masked_scores(ops: Any, params: Any, ids: Any, mask: Any) -> Any:
    return models.bitagger_scores(ops, params, ids, mask) * mask[:, :, None]


def _tagger_scores(trial: Trial) -> None:
    """The scores at the real positions; at pads they may be anything."""

    def one(**case: Any) -> tuple[Args, Any]:
        args = {name: a for name, a in _draw_tagger(trial.rng, **case).items() if name != "tags"}
        Z = as_array(trial.call(TAGGER.of("forward"), *args.values()))
        if Z is not None and Z.shape[:2] == args["mask"].shape and Z.ndim == 3:
            Z = np.where(args["mask"][:, :, None] > 0, Z, Z.dtype.type(0))
        return args, Z

    for case in ({}, {"pads": False}, {"T": 1}, {"N": 1}):
        tried = [one(**case)]
        args, Z = tried[0]
        bad = compare("the scores", Z, record(_masked_scores, args).out)
        if bad is not None:
            tried += [one(**case) for _ in range(INSTANCES - 1)] if trial.explain else []
            why = courtesy(partial(explain_forward, _masked_scores, tried)) if trial.explain else None
            trial.fail(explained(Finding(bad.text, (), bad.evidence), why), aspect="scores")
            return


def _tagger_loss(Z: Any, args: Args) -> float:
    return float(record(models.masked_ce, {"Z": Z, "y": args["tags"], "mask": args["mask"]}).out)


def _counting_pads(ops: Any, params: Any, ids: Any, tags: Any, mask: Any) -> Any:
    return models.masked_ce(
        ops, models.bitagger_scores(ops, params, ids, mask), tags, np.ones(np.shape(mask))
    )


def _tagger_over(count: Callable[[Any], float]) -> Callable[..., Any]:
    """The sum over the real positions, divided by another number than theirs."""
    return lambda ops, params, ids, tags, mask: (
        models.bitagger(ops, params, ids, tags, mask) * (np.sum(mask) / count(mask))
    )


def _translator_over(count: Callable[[Any], float]) -> Callable[..., Any]:
    def model(ops: Any, params: Any, src: Any, tgt: Any) -> Any:
        return models.seq2seq(ops, params, src, tgt) * (np.sum(tgt[1:] != 0) / count(tgt[1:]))

    return model


def _divided(over: Callable[[Callable[[Any], float]], Callable[..., Any]], what: str) -> tuple[Slip, ...]:
    """Losses that are divided by something else than the number of real positions."""
    by = f"divide by the number of real {what}"
    return (
        Slip(("M46", "M02"), f"The loss is a sum: {by}.", over(lambda mask: 1.0)),
        Slip(
            ("M46", "M50"),
            f"The sum over the real {what} is divided by the number of all: {by}.",
            over(np.size),
        ),
        Slip(
            ("M46", "M02"), f"The sum is divided by the batch size: {by}.", over(lambda mask: mask.shape[1])
        ),
        Slip(("M46", "M02"), f"The sum is divided by the number of steps: {by}.", over(len)),
    )


TAGGER_SLIPS = (
    Slip(("M50",), "The loss counts the pads: positions where the mask is 0 do not count.", _counting_pads),
    *_divided(_tagger_over, "positions"),
)  # fmt: skip


def _tagger_aspect(name: str, args: Args) -> str:
    return {"E": "dE", "f": "forward weights", "b": "backward weights"}.get(name.split("_")[0], "dWhy, dby")


# --- Seq2Seq ----------------------------------------------------------------------------------------------------------


def _draw_seq2seq(
    rng: np.random.Generator, square: bool = False, S: int = 3, T: int = 4, N: int | None = None, shift: float = 0.0,
) -> Args:  # fmt: skip
    n, V, W, D, H = (5, 5, 5, 5, 5) if square else (int(k) for k in rng.permutation([2, 3, 5, 7, 11]))
    n = min(n, 5) if N is None else N
    params = SEQ2SEQ.draw(rng, max(V, 4), max(W, 5), D, H)
    params["dec_by"] = params["dec_by"] + shift
    return models.draw_seq2seq(rng, params, S, T, n)


SEQ2SEQ_LOSS = loss_pair(SEQ2SEQ, models.seq2seq, _draw_seq2seq)


def _variant(
    inputs: slice = slice(0, -1),
    targets: slice = slice(1, None),
    pads: bool = False,
    reads: bool = False,
    first: int | None = None,
) -> Any:
    """The loss with other inputs or targets of the decoder, with pads counted, with pads read, with another start."""

    def model(ops: Any, params: Any, src: Any, tgt: Any) -> Any:
        real = np.ones(np.shape(src)) if reads else src != 0
        context = models.encoder(ops, src, real, models.part(params, "enc_"))
        y_in, y = np.array(tgt[inputs]), tgt[targets]
        if first is not None:
            y_in[0] = first
        Z = models.decoder(ops, context, y_in, models.part(params, "dec_"))
        return models.masked_ce(ops, Z, y, np.ones(y.shape) if pads else (y != 0) * 1.0)

    return model


SEQ2SEQ_SLIPS = (
    Slip(("M48", "M52"), "The decoder reads what it is to say: it reads tgt[:-1] and is to say tgt[1:].", _variant(inputs=slice(1, None))),
    Slip(("M48", "M52"), "The decoder is to say what it reads: the targets are tgt[1:].", _variant(targets=slice(0, -1))),
    Slip(("M48", "M52"), "Inputs and targets are not shifted: the decoder reads tgt[:-1] and is to say tgt[1:].", _variant(slice(None), slice(None))),
    *(Slip(("M52",), f"The decoder reads {word} first: it starts with <s>, id 1.", _variant(first=i)) for i, word in ((0, "0"), (2, "</s>"))),
    Slip(("M50",), "The loss counts the pads of the targets.", _variant(pads=True)),
    Slip(("M52",), "The encoder reads the pads of the source: its state is the one at the last real token.", _variant(reads=True)),
    *_divided(_translator_over, "targets"),
)  # fmt: skip


def sentences(name: str, got: Any, N: int) -> list[list[int]]:
    """Lists of ids, whatever sequences they came as. Raises StudentError."""
    listed = isinstance(got, list | tuple) or (isinstance(got, np.ndarray) and got.ndim > 0)
    rows = [as_array(row) for row in got] if listed else []
    whole = all(
        row is not None and row.ndim == 1 and (row.size == 0 or row.dtype.kind in "iu") for row in rows
    )
    if len(rows) != N or not whole:
        text = f"{name} should return a list of {N} lists of ids, one for each source."
        raise StudentError(text, kind="failed")
    return [[int(i) for i in row] for row in rows if row is not None]


def _translate(trial: Trial) -> None:
    drawn = [draw_endings(trial.rng, SEQ2SEQ) for _ in range(2)]
    drawn.append(draw_search(trial.rng, SEQ2SEQ, ends=False))
    tried = []
    for args in drawn:
        got = trial.call(SEQ2SEQ.of("translate"), *args.values())
        tried.append((args, sentences(SEQ2SEQ.of("translate"), got, args["src"].shape[1])))
    wrong = [(args, got) for args, got in tried if got != greedy(**args)]
    if not wrong:
        return
    args, got = wrong[0]
    shown = f"Expected {greedy(**args)[0]}, found {got[0]} for the first source."
    for ids, text, slip in GREEDY_SLIPS if trial.explain else ():
        if all(got == greedy(**args, **slip) for args, got in tried):
            hints = misconceptions.hints(ids, "the translation")
            trial.fail(Finding(text, ids, shown, hints=hints))
            return
    trial.fail(Finding("The translation is not made of the likeliest next ids, up to </s>.", (), shown))


AGAIN = "a second call"
LARGE = {"shift": 800.0}  # e^800 is too large for a float


def _tagger_gradients(pair: Pair) -> Check:
    points = {"dE": 0.75, "forward weights": 1.0, "backward weights": 1.25, "dWhy, dby": 0.75}
    return gradients(pair, points, aspect_of=_tagger_aspect, draws=1, square=False)


def _side(name: str, args: Args) -> str:
    return f"{'en' if name.startswith('enc') else 'de'}coder's gradients"


def _seq2seq_gradients(pair: Pair) -> Check:
    points = {"encoder's gradients": 1.25, "decoder's gradients": 1.25}
    return gradients(pair, points, pure=0.25, aspect_of=_side, draws=1, square=False)


def _cut(trial: Trial) -> dict[str, Finding]:
    """The encoder's gradients are all 0: what comes back to the context does not reach it."""
    seen = tries(trial, SEQ2SEQ_LOSS)
    if any(np.any(g) for t in seen for w, g in t.grads.items() if w.startswith("enc_")):
        return {}
    text = "The gradients of the encoder are 0: that of the context has to be handed to encoder_backward."
    return {_side("enc_", {}): Finding(text, hints=misconceptions.hints((), "the gradients"))}


def _explained(
    check_of: Callable[[Pair], Check], aspect_of: Callable[[str, Args], str], *ways: Way
) -> Callable[[Pair], Check]:
    """The check of a pair, in which rows that a table loses are recognised first."""
    return lambda pair: explained_by(check_of(pair), lost_rows(pair, aspect_of), *ways)


_TAGGER_CASES: tuple[dict[str, Any], ...] = ({}, {"pads": False}, {"N": 1}, LARGE)
_tagger_losses = own_loss(TAGGER_LOSS, TAGGER, _tagger_loss, _TAGGER_CASES, TAGGER_SLIPS)
_seq2seq_losses = own_loss(
    SEQ2SEQ_LOSS, SEQ2SEQ, lambda Z, args: np.nan, ({}, {"N": 1}, LARGE), SEQ2SEQ_SLIPS
)

ENTRIES = [
    Entry(
        "bitagger",
        (
            Check({"parameters": 0.5}, parameters(TAGGER, (5, 7, 11, 13), "f_Whh"), draws=1),
            on_objects(pure_check({"scores": 1.25}, _tagger_scores, 0.25), TAGGER),
            on_objects(Check({"loss": 0.5}, _tagger_losses), TAGGER),
            on_objects(
                slipped(_explained(_tagger_gradients, _tagger_aspect), TAGGER_LOSS, TAGGER_SLIPS), TAGGER
            ),
            Check({AGAIN: 0.25}, calls_again(TAGGER, TAGGER_LOSS), draws=1),
        ),
        defines={"BiTagger": None},
        title="A tagger that reads both ways",
    ),
    Entry(
        "seq2seq",
        (
            Check({"parameters": 0.5}, parameters(SEQ2SEQ, (5, 7, 11, 13), "dec_Wch"), draws=1),
            on_objects(Check({"loss": 1.25}, _seq2seq_losses, draws=1), SEQ2SEQ),
            on_objects(
                slipped(_explained(_seq2seq_gradients, _side, _cut), SEQ2SEQ_LOSS, SEQ2SEQ_SLIPS), SEQ2SEQ
            ),
            Check({AGAIN: 0.25}, calls_again(SEQ2SEQ, SEQ2SEQ_LOSS), draws=1),
            on_objects(Check({"translate": 1.25}, _translate, draws=1), SEQ2SEQ),
        ),
        defines={"Seq2Seq": None},
        title="From sequence to sequence",
    ),
]
