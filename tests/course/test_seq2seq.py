"""Both directions, encoder, decoder, training, greedy and beam search: gradients, padding, limits, wrong input."""

import itertools

import numpy as np
import pytest

from course import seq2seq
from course.backprop import gradcheck_report, numeric_grad
from course.graph import Var, grad, lift
from course.losses import log_softmax
from course.optim import Flat, adam
from course.rnn import rnn_forward
from course.seq2seq import BOS, EOS, PAD, BiTagger, Seq2Seq, beam, birnn_backward, birnn_forward
from course.toolbox.errors import InputError, ShapeError

T, N, D, H = 5, 3, 2, 4
MASK = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]])  # lengths 5, 3, 2


def layer(rng):
    return tuple(rng.standard_normal(s) for s in ((N, H), (D, H), (H, H), (H,)))


def case(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((T, N, D)), MASK, layer(rng), layer(rng)


def test_each_direction_is_the_recurrent_layer_on_what_is_real():
    X, mask, fwd, bwd = case()
    Y, _ = birnn_forward(X, mask, fwd, bwd)
    for n, length in enumerate(mask.sum(axis=0)):
        alone = X[:length, n : n + 1]
        F, _ = rnn_forward(alone, fwd[0][n : n + 1], *fwd[1:])
        B, _ = rnn_forward(alone[::-1], bwd[0][n : n + 1], *bwd[1:])
        np.testing.assert_allclose(Y[:length, n, :H], F[1:, 0], rtol=1e-12)
        np.testing.assert_allclose(Y[:length, n, H:], B[:0:-1, 0], rtol=1e-12)
        assert not Y[length:, n].any()


def test_gaps_in_the_middle_are_passed_over():
    X, _, fwd, bwd = case()
    mask = np.ones((T, N))
    mask[2] = 0
    Y, _ = birnn_forward(X, mask, fwd, bwd)
    short, _ = birnn_forward(np.delete(X, 2, axis=0), np.ones((T - 1, N)), fwd, bwd)
    np.testing.assert_allclose(np.delete(Y, 2, axis=0), short, rtol=1e-12)


def test_what_stands_at_padding_is_neither_read_nor_written():
    X, mask, fwd, bwd = case()
    rng = np.random.default_rng(1)
    dY = rng.standard_normal((T, N, 2 * H))
    wild_X, wild_dY = X.copy(), dY.copy()
    wild_X[mask == 0], wild_dY[mask == 0] = np.nan, np.nan
    (Y, cache), (wild_Y, wild_cache) = birnn_forward(X, mask, fwd, bwd), birnn_forward(wild_X, mask, fwd, bwd)
    np.testing.assert_array_equal(Y, wild_Y)
    calm, wild = birnn_backward(dY, cache), birnn_backward(wild_dY, wild_cache)
    for a, b in zip([calm[0], *calm[1], *calm[2]], [wild[0], *wild[1], *wild[2]]):
        np.testing.assert_array_equal(a, b)
    assert not calm[0][mask == 0].any()


def test_both_directions_in_a_graph():
    X, mask, fwd, bwd = case()
    fwd, bwd = (tuple(map(Var, part)) for part in (fwd, bwd))
    Y = lift(birnn_forward)(X, mask, fwd, bwd)
    g = grad((Y * Y).sum(), bwd[2])
    plain = tuple(v.value for v in fwd)

    def value(W):
        Z, _ = birnn_forward(X, mask, plain, (bwd[0].value, bwd[1].value, W, bwd[3].value))
        return (Z * Z).sum()

    np.testing.assert_allclose(g, numeric_grad(value, bwd[2].value), atol=1e-8)


def with_params(model, params, call):
    old, model.params = model.params, params
    try:
        return call()
    finally:
        model.params = old


def shuffled(params):
    """The same numbers with the keys in another order, and biases that are not zero."""
    rng = np.random.default_rng(9)
    return {k: params[k] + 0.1 * rng.standard_normal(params[k].shape) for k in sorted(params, reverse=True)}


def test_gradients_of_the_tagger_are_the_numerical_ones():
    rng = np.random.default_rng(2)
    model = BiTagger(7, 3, D, H, rng)
    ids, tags = rng.integers(0, 7, (T, N)), rng.integers(0, 3, (T, N))
    ids[MASK == 0], tags[MASK == 0] = -1, -1  # what stands at padding is not even an id
    model.params = shuffled(model.params)
    loss, grads = model.loss_and_grads(ids, tags, MASK)
    assert list(grads) == list(model.params)
    logp, kept = log_softmax(model.forward(ids, MASK)), MASK.astype(bool)
    assert loss == pytest.approx(-np.mean(logp[kept][np.arange(kept.sum()), tags[kept]]))
    call = lambda p: with_params(model, p, lambda: model.loss_and_grads(ids, tags, MASK)[0])
    assert max(gradcheck_report(call, model.params, grads).values()) < 1e-7


def pair(rng, V=6):
    src = np.array([[3, 4, 5], [5, 3, 4], [4, 0, 3], [3, 0, 0]])
    tgt = np.array([[1, 1, 1], [4, 3, 5], [5, 2, 3], [2, 0, 2]])
    return Seq2Seq(V, V, D, H, rng), src, tgt


def test_gradients_of_the_translator_are_the_numerical_ones():
    model, src, tgt = pair(np.random.default_rng(3))
    model.params = shuffled(model.params)
    _, grads = model.loss_and_grads(src, tgt)
    assert list(grads) == list(model.params)
    call = lambda p: with_params(model, p, lambda: model.loss_and_grads(src, tgt)[0])
    assert max(gradcheck_report(call, model.params, grads).values()) < 1e-7


def test_a_batch_is_the_sentences_one_by_one_and_padding_changes_nothing():
    model, src, tgt = pair(np.random.default_rng(4))
    loss, _ = model.loss_and_grads(src, tgt)
    lengths, total = (tgt[1:] != PAD).sum(axis=0), 0.0
    for n in range(N):
        one_src, one_tgt = src[src[:, n] != PAD, n : n + 1], tgt[tgt[:, n] != PAD, n : n + 1]
        total += model.loss_and_grads(one_src, one_tgt)[0] * lengths[n]
        assert model.translate(one_src, 6) == [model.translate(src, 6)[n]]
    assert loss == pytest.approx(total / lengths.sum(), rel=1e-12)
    more = np.zeros((2, N), int)
    assert model.loss_and_grads(np.vstack([src, more]), np.vstack([tgt, more]))[0] == pytest.approx(loss)


def test_an_empty_source_has_the_context_zero():
    model, _, _ = pair(np.random.default_rng(5))
    params = seq2seq._part(model.params, "enc_")
    context, cache = seq2seq.encoder_forward(np.zeros((3, 1), int), np.zeros((3, 1)), params)
    assert not context.any()
    grads = seq2seq.encoder_backward(np.ones_like(context), cache)
    assert not any(g.any() for g in grads.values())


def greedy(model, src, max_len):
    """The likeliest token again and again, from the decoder run anew on all that is written."""
    context, _ = seq2seq.encoder_forward(src, src != PAD, seq2seq._part(model.params, "enc_"))
    ids = np.full((1, src.shape[1]), BOS)
    for _ in range(max_len):
        Z, _ = seq2seq.decoder_forward(context, ids, seq2seq._part(model.params, "dec_"))
        ids = np.vstack([ids, Z[-1].argmax(axis=1)])
    rows = [list(map(int, row)) for row in ids[1:].T]
    return [row[: row.index(EOS)] if EOS in row else row for row in rows]


@pytest.mark.parametrize("seed", range(5))
def test_greedy_search_and_a_beam_of_one_take_the_likeliest_token(seed):
    model, src, _ = pair(np.random.default_rng(seed))
    model.params = {k: 2 * v for k, v in model.params.items()}
    assert model.translate(src, 7) == beam(model, src, 1, 7) == greedy(model, src, 7)


@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_the_likeliest_sentence_of_all(seed):
    rng = np.random.default_rng(seed)
    model, V, longest = Seq2Seq(5, 4, D, H, rng), 4, 3
    src = np.array([[3], [4]])
    context, _ = seq2seq.encoder_forward(src, src != PAD, seq2seq._part(model.params, "enc_"))
    scores = {}
    for ids in itertools.product(range(V), repeat=longest):
        y_in = np.array([BOS, *ids[:-1]])[:, None]
        Z, _ = seq2seq.decoder_forward(context, y_in, seq2seq._part(model.params, "dec_"))
        logp = log_softmax(Z)[:, 0]
        end = ids.index(EOS) + 1 if EOS in ids else longest
        scores[ids[:end]] = logp[np.arange(end), ids[:end]].sum()
    best = max(scores, key=scores.get)
    assert beam(model, src, V**longest, longest) == [[i for i in best if i != EOS]]
    found = [tuple(beam(model, src, k, longest)[0]) for k in (1, V**longest)]
    likelihood = lambda ids: scores[ids if len(ids) == longest else (*ids, EOS)]
    assert likelihood(found[1]) >= likelihood(found[0])


def plain_beam(model, src, k, max_len):
    """Beam search for one source, with the decoder run anew on every beginning."""
    context, _ = seq2seq.encoder_forward(src, src != PAD, seq2seq._part(model.params, "enc_"))
    kept = [(0.0, (BOS,))]
    for _ in range(max_len):
        longer = [(score, ids) for score, ids in kept if ids[-1] == EOS]
        for score, ids in (h for h in kept if h[1][-1] != EOS):
            Z, _ = seq2seq.decoder_forward(
                context, np.array(ids)[:, None], seq2seq._part(model.params, "dec_")
            )
            longer += [(score + p, (*ids, v)) for v, p in enumerate(log_softmax(Z)[-1, 0])]
        kept = sorted(longer, key=lambda h: -h[0])[:k]
    return [int(i) for i in kept[0][1][1:] if i != EOS]


@pytest.mark.parametrize("k", [2, 3, 5])
def test_every_beginning_goes_on_from_its_own_state(k):
    for seed in range(8):
        model, src, _ = pair(np.random.default_rng(seed))
        model.params = {name: 1.5 * a for name, a in model.params.items()}
        alone = [src[src[:, n] != PAD, n : n + 1] for n in range(N)]
        assert beam(model, src, k, 6) == [plain_beam(model, one, k, 6) for one in alone]


def test_a_word_whose_label_depends_on_the_next_one_needs_the_right_context():
    rng = np.random.default_rng(6)
    ids = rng.integers(0, 4, (8, 64))
    tags, mask = np.roll(ids, -1, axis=0) % 2, np.ones((8, 64))
    mask[-1] = 0
    model = BiTagger(4, 2, 4, 12, rng)
    optimizer = Flat(model.params, adam, lr=0.03)
    model.params = optimizer.params
    for _ in range(120):
        _, grads = model.loss_and_grads(ids, tags, mask)
        optimizer.step(grads, clip=1.0)
    right = lambda seen, t: (model.forward(ids, seen).argmax(axis=2) == tags)[t].mean()
    assert right(mask, slice(7)) == 1
    assert right(mask * (np.arange(8)[:, None] <= 3), 3) < 0.8  # what comes after the word is hidden


def test_a_translator_learns_to_turn_sentences_round():
    rng = np.random.default_rng(7)
    words = np.array(list(itertools.product(range(3, 7), repeat=3))).T  # 64 sentences of three words
    src = np.vstack([words, np.zeros((1, 64), int)])
    src[2, ::4] = PAD  # some have two
    ends = np.where(src[2] == PAD, 1, 2)
    tgt = np.zeros((5, 64), int)
    for n, end in enumerate(ends):
        tgt[: end + 3, n] = [BOS, *src[: end + 1, n][::-1], EOS]
    model = Seq2Seq(7, 7, 8, 32, rng)
    optimizer = Flat(model.params, adam, lr=0.01, dtype=np.float32)
    model.params = optimizer.params
    for _ in range(250):
        loss, grads = model.loss_and_grads(src, tgt)
        optimizer.step(grads, clip=1.0)
    assert grads["enc_E"].dtype == np.float32
    wanted = [[int(i) for i in row if i > EOS] for row in tgt.T]
    assert loss < 0.05 and model.translate(src, 6) == wanted == beam(model, src, 3, 6)


MODEL, SRC, TGT = pair(np.random.default_rng(0))
TAGGER = BiTagger(6, 3, D, H, np.random.default_rng(0))
X, _, FWD, BWD = case()
NAN = {**MODEL.params, "dec_Why": np.full((H, 6), np.nan)}


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: birnn_forward(X, MASK[1:], FWD, BWD), ShapeError, "X has 5 entries along axis 0 but mask has 4 rows"),
        (lambda: birnn_forward(X, MASK, (FWD[0][1:], *FWD[1:]), BWD), ShapeError, "h0 has 2 rows"),
        (lambda: TAGGER.forward(SRC + 6, SRC > -1), InputError, r"ids\[0, 0\] is 9, outside 0 … 5"),
        (lambda: TAGGER.loss_and_grads(SRC, SRC, SRC > -1), InputError, "outside 0 … 2"),
        (lambda: BiTagger(6, 0, D, H, None), InputError, "sizes must be at least 1"),
        (lambda: Seq2Seq(6, 6, D, 0, None), InputError, "sizes must be at least 1"),
        (lambda: MODEL.loss_and_grads(SRC + 3, TGT), InputError, r"src\[0, 0\] is 6, outside 0 … 5"),
        (lambda: MODEL.loss_and_grads(SRC, TGT + 3), InputError, "outside 0 … 5"),
        (lambda: MODEL.loss_and_grads(SRC, TGT[:, :2]), ShapeError, "src has 3 columns but tgt has 2 columns"),
        (lambda: MODEL.loss_and_grads(SRC, TGT[:1]), InputError, "tgt has 1 tokens"),
        (lambda: MODEL.loss_and_grads(SRC * 1.0, TGT), InputError, "ids must be whole numbers"),
        (lambda: seq2seq.decoder_forward(np.ones((2, H)), TGT, seq2seq._part(MODEL.params, "dec_")), ShapeError, "context has 2 rows"),
        (lambda: beam(MODEL, SRC, 0, 5), InputError, "k is 0"),
        (lambda: MODEL.translate(SRC, 0), InputError, "max_len is 0"),
        (lambda: with_params(MODEL, NAN, lambda: MODEL.translate(SRC, 3)), InputError, "not finite"),
        (lambda: with_params(MODEL, NAN, lambda: MODEL.loss_and_grads(SRC, TGT)), InputError, "not finite"),
    ],
)  # fmt: skip
def test_wrong_input_is_explained(call, error, words):
    with pytest.raises(error, match=words):
        call()
