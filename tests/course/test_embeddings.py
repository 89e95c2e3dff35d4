"""Words as vectors: vocabularies, features, lookup and its gradient, both window networks, counted vectors, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course import embeddings as emb
from course import nn
from course.backprop import numeric_grad
from course.embeddings import BengioLM, MLPTagger
from course.evaluate import check_normalised
from course.graph import Var, grad
from course.neurons import count_params
from course.optim import Flat, adam
from course.toolbox.corpora.toys import farm_tagged, tags
from course.toolbox.errors import InputError, ShapeError

V, K, D, H, C, N = 11, 3, 2, 5, 4, 7
SENTENCES = [s.split() for s in ("the cow eats", "the cows eat corn", "the cow sees the cows", "")]
ITOS = emb.build_vocab(w for s in SENTENCES for w in [*s, "</s>"])[1]


def rng(seed=0):
    return np.random.default_rng(seed)


def test_words_are_ordered_by_count_then_alphabet_and_unk_is_listed_once():
    stoi, itos = emb.build_vocab("b a <unk> c c c b a d <unk> <unk>".split(), min_count=2)
    assert itos == ["<unk>", "c", "a", "b"] and stoi == {w: i for i, w in enumerate(itos)}
    assert emb.build_vocab([])[1] == ["<unk>"]
    assert emb.encode(["c", "d", "never"], stoi).tolist() == [1, 0, 0]


@given(st.lists(st.text("abc", max_size=2)), st.integers(1, 3))
def test_a_vocabulary_holds_what_is_frequent_enough(tokens, least):
    stoi, itos = emb.build_vocab(tokens, least)
    assert set(itos) == {w for w in tokens if tokens.count(w) >= least} | {"<unk>"}
    assert [itos[i] if itos[i] in tokens else "<unk>" for i in emb.encode(tokens, stoi)] == [
        w if w in stoi else "<unk>" for w in tokens
    ]


def test_lookup_is_the_product_with_one_hot_rows_and_all_words_are_equally_far():
    ids, E = rng().integers(0, V, (N, K)), rng(1).standard_normal((V, D))
    X = np.stack([emb.one_hot(row, V) for row in ids])
    np.testing.assert_allclose(emb.embedding_forward(ids, E), (X @ E).reshape(N, -1))
    dY = rng(2).standard_normal((N, K * D))
    by_hand = np.einsum("nkv,nkd->vd", X, dY.reshape(N, K, D))
    np.testing.assert_allclose(emb.embedding_backward(dY, ids, V), by_hand, atol=1e-14)
    rows = emb.one_hot(np.arange(4), 4)
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.testing.assert_allclose(distances[~np.eye(4, dtype=bool)], np.sqrt(2))


def test_a_bag_of_words_is_a_sum_of_one_hot_rows():
    ids = np.array([2, 0, 2])
    np.testing.assert_array_equal(emb.one_hot(ids, 3).sum(axis=0), np.bincount(ids, minlength=3))


def test_a_word_read_twice_gets_both_gradients_and_types_are_kept():
    ids = np.array([[1, 1], [1, 0]], np.int8)
    dY = np.ones((2, 2), np.float32)
    dE = emb.embedding_backward(dY, ids, 3)
    assert dE.tolist() == [[1], [3], [0]] and dE.dtype == np.float32
    assert emb.embedding_forward(ids, np.eye(3, dtype=np.float32)).dtype == np.float32
    table = Var(np.arange(3.0)[:, None])
    np.testing.assert_array_equal(grad(emb.embedding_forward(ids, table).sum(), table), [[1], [3], [0]])


def test_lookup_and_thin_layers_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    ids, E, dY = (
        rng().integers(0, V, (N, K)),
        rng(1).standard_normal((V, D)),
        rng(2).standard_normal((N, K * D)),
    )
    table = torch.tensor(E, requires_grad=True)
    out = torch.nn.functional.embedding(torch.tensor(ids), table).reshape(N, -1)
    out.backward(torch.tensor(dY))
    np.testing.assert_array_equal(emb.embedding_forward(ids, E), out.detach().numpy())
    np.testing.assert_allclose(emb.embedding_backward(dY, ids, V), table.grad.numpy(), atol=1e-14)
    arrays = [rng(i).standard_normal(s) for i, s in enumerate([(N, 5), (5, 2), (2, 3), (3,)])]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    x, u, v, b = theirs
    (x @ u @ v + b).backward(torch.ones(N, 3, dtype=torch.float64))
    Y, cache = emb.lowrank_forward(*arrays)
    np.testing.assert_allclose(Y, (x @ u @ v + b).detach().numpy())
    for mine, other in zip(emb.lowrank_backward(np.ones((N, 3)), cache), theirs):
        np.testing.assert_allclose(mine, other.grad.numpy(), atol=1e-13)


def test_modules_look_up_and_factor():
    table, thin = nn.Embedding(V, D, rng()), emb.LowRank(D, 4, 1, rng(1))
    ids, weights = rng(2).integers(0, V, (4, 3)), rng(3).standard_normal((4, 3, D))
    assert table(ids).shape == (4, 3, D)
    (dE,) = grad((table(ids) * weights).sum(), table.parameters())
    np.testing.assert_allclose(dE, emb.embedding_backward(weights.reshape(4, -1), ids, V))
    loss = lambda: (thin(table(ids[:, 0])) ** 2).sum()
    parameters = [*table.parameters(), *thin.parameters()]
    for p, g in zip(parameters, grad(loss(), parameters)):
        old = p.array.copy()
        np.testing.assert_allclose(
            g, numeric_grad(lambda a, p=p: p.assign(a) or loss().item(), old), atol=1e-7
        )
        p.assign(old)
    assert count_params({p.name: p.array for p in thin.parameters()}) == emb.lowrank_size(D, 4, 1) + 4
    given_vectors = nn.Embedding(2, 1, rng(), vectors=np.array([[1.0], [2.0]]))
    assert given_vectors(np.array(1)).value.tolist() == [2.0]


def test_features_of_the_figure():
    tokens, tags = ["the", "dog"], ["DET", "NOUN"]
    assert set(emb.sparse_features(tokens, tags, 1)) == {
        "w=dog", "pw=the", "pt=DET", "w=dog&pt=DET", "w=dog&pw=the",
    }  # fmt: skip
    assert set(emb.sparse_features(tokens, tags, 0)) >= {"pw=<s>", "pt=<s>", "w=the&pw=<s>"}


def test_all_ten_rows_of_the_table_for_names():
    tokens = "a b c d e Ab-9é f g f h i".split()
    tags = [f"T{i}" for i in range(len(tokens))]
    f = emb.ner_features(tokens, tags, 5)
    assert (f["word"], f["prev"], f["next"], f["pos"]) == ("Ab-9é", "e", "f", "T5")
    assert f["pos_seq"] == "T4|T5|T6" and f["shape"] == "Xx-dé" and f["shape_seq"] == "x|Xx-dé|x"
    assert f["left"] == ["b", "c", "d", "e"] and f["right"] == ["f", "g", "h"]
    assert len(f["ngrams"]) == 15 and f["ngrams"] == sorted(f["ngrams"]) and "b-9" in f["ngrams"]
    alone = emb.ner_features(["aa"], ["N"], 0)
    assert alone["shape_seq"] == "<s>|xx|</s>" and alone["pos_seq"] == "<s>|N|</s>"
    assert alone["ngrams"] == ["a", "aa"] and alone["left"] == alone["right"] == []
    assert (alone["prev"], alone["next"]) == ("<s>", "</s>")


def test_windows_have_pads_outside():
    assert emb.window_batch([4, 5], 2, 9).tolist() == [[9, 9, 4, 5, 9], [9, 4, 5, 9, 9]]
    assert emb.window_batch(np.array([], int), 1, 0).shape == (0, 3)
    assert emb.window_batch([4, 5], 0, 9).tolist() == [[4], [5]]


@pytest.mark.parametrize("model", [MLPTagger(V, C, D, H, K, rng()), BengioLM(V, K + 1, D, H, rng())])
def test_gradients_of_both_networks_are_the_numerical_ones_and_pytorchs(model):
    ids = rng(1).integers(0, V, (N, K))
    ids[0] = ids[1, 0]  # a word that is read again and again
    y = rng(2).integers(0, len(model.params["b2"]), N)
    model.params = {n: a + 0.1 * rng(3).standard_normal(a.shape) for n, a in model.params.items()}
    loss, grads = model.loss_and_grads(ids, y)
    assert set(grads) == set(model.params) == {"E", "W1", "b1", "W2", "b2"}
    kept = dict(model.params)
    for name in kept:

        def value(a, name=name):
            model.params = {**kept, name: a}
            return model.loss_and_grads(ids, y)[0]

        np.testing.assert_allclose(grads[name], numeric_grad(value, kept[name]), atol=1e-9, err_msg=name)
    model.params = kept
    torch = pytest.importorskip("torch")
    p = {n: torch.tensor(a, requires_grad=True) for n, a in kept.items()}
    Z = torch.tanh(p["E"][torch.tensor(ids)].reshape(N, -1) @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    np.testing.assert_allclose(model.forward(ids), Z.detach().numpy(), atol=1e-13)
    other = torch.nn.functional.cross_entropy(Z, torch.tensor(y))
    other.backward()
    assert loss == pytest.approx(other.item(), rel=1e-13)
    for name, g in grads.items():
        np.testing.assert_allclose(g, p[name].grad.numpy(), atol=1e-14, err_msg=name)


def test_parameters_have_the_shapes_of_the_contract_and_are_read_at_every_call():
    model = BengioLM(V, 4, D, H, rng())
    shapes = {n: a.shape for n, a in model.params.items()}
    assert shapes == {"E": (V, D), "W1": (3 * D, H), "b1": (H,), "W2": (H, V), "b2": (V,)}
    model.params = {n: np.zeros(s, np.float32) for n, s in shapes.items()}
    loss, grads = model.loss_and_grads(np.zeros((2, 3), int), np.array([0, 1]))
    assert loss == pytest.approx(np.log(V)) and all(g.dtype == np.float32 for g in grads.values())


def test_windows_of_a_language_model_begin_with_the_end_mark():
    stoi = {"<unk>": 0, "</s>": 1, "a": 2, "b": 3}
    ids, y = emb.ngram_windows([["a", "b", "x"], []], stoi, 3)
    assert ids.tolist() == [[1, 1], [1, 2], [2, 3], [3, 0], [1, 1]] and y.tolist() == [2, 3, 0, 1, 1]


def test_probabilities_of_the_language_model_sum_to_one():
    model = BengioLM(len(ITOS), 3, D, H, rng(), itos=ITOS)
    check_normalised(model, ITOS, [[], ["the"], ["the", "unseen"], ["cow", "sees", "the"]])
    assert model.logprobs(SENTENCES).shape == (16,) and model.logprobs([]).shape == (0,)
    whole = np.concatenate([model.logprobs([s]) for s in SENTENCES])
    np.testing.assert_allclose(model.logprobs(SENTENCES), whole)
    np.testing.assert_allclose(model.logprobs(SENTENCES[:3] * 300), np.tile(whole[:-1], 300))  # in parts


def test_a_language_model_learns_and_stays_in_float32():
    stoi = {w: i for i, w in enumerate(ITOS)}
    model = BengioLM(len(ITOS), 3, 4, 16, rng(), itos=ITOS)
    ids, y = emb.ngram_windows(SENTENCES, stoi, 3)
    losses = emb.fit_windows(
        model, ids, y, Flat(model.params, adam, lr=0.03, dtype=np.float32), 300, 8, rng(1)
    )
    assert len(losses) == 300 and losses[0] > 1.5
    assert model.params["E"].dtype == np.float32
    branches = np.log([4, 3 / 2, 3, 2, 2])  # what cannot be known: which sentence, and how it goes on
    assert -model.logprobs(SENTENCES).mean() < branches.sum() / 5


def test_a_tagger_learns_every_word_and_sheep_only_where_it_sees_the_verb():
    sentences = farm_tagged(rng(), 1500)
    stoi, itos = emb.build_vocab(w for words, _ in sentences[:1200] for w in words)

    def examples(part):
        ids = [emb.window_batch(emb.encode(words, stoi), 1, 0) for words, _ in part]
        return np.concatenate(ids), np.array([tags().index(t) for _, kinds in part for t in kinds])

    model = MLPTagger(len(itos), len(tags()), 8, 16, 3, rng())
    optimizer = Flat(model.params, adam, lr=5e-3, dtype=np.float32)
    emb.fit_windows(model, *examples(sentences[:1200]), optimizer, 400, 64, rng(1))
    ids, y = examples(sentences[1200:])
    right, sheep = model.forward(ids).argmax(axis=1) == y, ids[:, 1] == stoi["sheep"]
    assert right[~sheep].mean() > 0.99
    verb = sheep & np.isin(ids[:, 2], [stoi[w] for w in ("eat", "eats", "sleep", "sleeps", "see", "sees")])
    assert right[verb].mean() > 0.99 and right[sheep & ~verb].mean() == pytest.approx(0.5, abs=0.15)


def test_company_is_counted_within_sentences_in_both_directions():
    counts = emb.cooccurrences([np.array([0, 1, 2]), np.array([0, 0])], 3, window=1)
    assert counts.tolist() == [[2, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert emb.cooccurrences([np.array([0, 1, 2])], 3, window=5)[0].tolist() == [0, 1, 1]


def test_mutual_information_is_the_formula_and_independence_gives_zero():
    counts = np.array([[4.0, 1.0], [2.0, 0.0]])
    P = counts / 7
    a, b = (np.log(P[i, j] / (P[i].sum() * P[:, j].sum())) for i, j in ((0, 1), (1, 0)))
    assert emb.ppmi(counts) == pytest.approx(np.array([[0, a], [b, 0]])) and a > 0 < b
    assert not emb.ppmi(np.outer([1, 2], [1, 2])).round(12).any() and not emb.ppmi(np.zeros((2, 2))).any()


def test_truncation_is_the_best_approximation_of_its_rank():
    M = rng().standard_normal((6, 4))
    A, B = emb.truncated_svd(M, 2)
    S = np.linalg.svd(M, compute_uv=False)
    assert np.linalg.norm(M - A @ B) == pytest.approx(np.sqrt((S[2:] ** 2).sum()))
    assert (A[np.abs(A).argmax(axis=0), [0, 1]] > 0).all()
    np.testing.assert_allclose(np.matmul(*emb.truncated_svd(M, 4)), M)


def test_words_in_like_company_are_near():
    nouns, verbs, r = ["cow", "dog", "hen"], ["sees", "hears", "feeds"], rng(0)
    text = [["the", r.choice(nouns), r.choice(verbs), "a", r.choice(nouns)] for _ in range(400)]
    stoi, itos = emb.build_vocab(w for s in text for w in s)
    E = emb.word_vectors([emb.encode(s, stoi) for s in text], len(itos), 4)
    assert {w for w, _ in emb.nearest(E, itos, "cow", 2)} == {"dog", "hen"}
    assert {w for w, _ in emb.nearest(E, itos, "sees", 2)} == {"hears", "feeds"}


def test_neighbours_leave_out_the_word_and_zero_vectors_are_near_to_nothing():
    E, itos = np.array([[1.0, 0], [2, 0], [1, 1], [0, 0], [-1, 0]]), list("abcde")
    near = emb.nearest(E, itos, "a", 9)
    assert [w for w, _ in near] == list("bcde")
    assert [s for _, s in near] == pytest.approx([1, np.sqrt(0.5), 0, -1])
    assert emb.nearest(E, itos, "d", 1)[0][1] == 0.0


def test_analogy_by_offset():
    E = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1], [-1, -1, 0.0]])
    assert emb.analogy(E, ["cow", "cows", "dog", "dogs", "eat"], "cow", "cows", "dog", 1)[0] == (
        "dogs",
        pytest.approx(1.0),
    )


TAGGER, LM = MLPTagger(V, C, D, H, K, rng()), BengioLM(V, 3, D, H, rng())
IDS, Y = np.zeros((2, K), int), np.zeros(2, int)
FLAT = Flat(MLPTagger(V, C, D, H, K, rng()).params, adam, lr=0.1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: emb.build_vocab(["a"], 0), InputError, "min_count is 0"),
        (lambda: emb.encode(["a"], {"b": 0}), InputError, "token 0 is not in the vocabulary"),
        (lambda: emb.one_hot([3], 3), InputError, "outside 0 … 2"),
        (lambda: emb.one_hot([[1]], 3), ShapeError, "ids has 2 axes"),
        (lambda: emb.one_hot([0.5], 3), InputError, "whole numbers"),
        (lambda: emb.window_batch([1], -1, 0), InputError, "k is -1"),
        (lambda: emb.sparse_features(["a"], [], 0), InputError, "1 words but 0 tags"),
        (lambda: emb.ner_features(["a"], ["A"], -1), InputError, "no word -1"),
        (lambda: emb.embedding_forward(IDS + V, np.ones((V, D))), InputError, "outside 0 … 10"),
        (lambda: emb.embedding_forward(IDS - 1, np.ones((V, D))), InputError, "outside 0 … 10"),
        (lambda: emb.embedding_forward(IDS[0], np.ones((V, D))), ShapeError, "ids has 1 axis"),
        (lambda: emb.embedding_backward(np.ones((2, 4)), IDS, V), InputError, "4 columns of dY cannot be shared by 3"),
        (lambda: emb.embedding_backward(np.ones((3, 6)), IDS, V), ShapeError, "rows"),
        (lambda: emb.lowrank_forward(np.ones((2, 3)), np.ones((3, 1)), np.ones((2, 4)), np.ones(4)), ShapeError, "V"),
        (lambda: emb.LowRank(3, 4, 0, rng()), InputError, "r 0"),
        (lambda: nn.Embedding(3, 2, rng(), vectors=np.ones((3, 3))), ShapeError, "Embedding"),
        (lambda: nn.Embedding(3, 2, rng())(np.array([3])), InputError, "outside 0 … 2"),
        (lambda: MLPTagger(V, 0, D, H, K, rng()), InputError, "0 classes"),
        (lambda: TAGGER.forward(IDS[:, :2]), ShapeError, "each row holds 3 ids"),
        (lambda: TAGGER.loss_and_grads(IDS[:0], Y[:0]), InputError, "the batch is empty"),
        (lambda: TAGGER.loss_and_grads(IDS, Y + C), InputError, "outside 0 … 3"),
        (lambda: TAGGER.loss_and_grads(IDS, Y[:1]), ShapeError, "softmax_ce"),
        (lambda: BengioLM(V, 1, D, H, rng()), InputError, "n = 2"),
        (lambda: BengioLM(2, 2, D, H, rng(), itos=["a", "b"]), InputError, "must hold V = 2 different words"),
        (lambda: LM.logprobs([["a"]]), InputError, "knows ids only"),
        (lambda: emb.ngram_windows(["the cow"], {"</s>": 0}, 2), InputError, "list of words"),
        (lambda: emb.fit_windows(TAGGER, IDS[:0], Y[:0], FLAT, 1, 4, rng()), InputError, "no windows"),
        (lambda: emb.fit_windows(TAGGER, IDS, Y + C, FLAT, 1, 4, rng()), InputError, "outside 0 … 3"),
        (lambda: emb.cooccurrences([], 3), InputError, "the corpus is empty"),
        (lambda: emb.cooccurrences([[0]], 3, window=0), InputError, "window 0"),
        (lambda: emb.cooccurrences([[0]], 10**6), InputError, "raise min_count"),
        (lambda: emb.cooccurrences([[3]], 3), InputError, "outside 0 … 2"),
        (lambda: emb.ppmi(np.array([[-1.0]])), InputError, "negative numbers"),
        (lambda: emb.truncated_svd(np.ones((2, 3)), 3), InputError, "rank 3"),
        (lambda: emb.nearest(np.ones((2, 1)), ["a", "b"], "c"), InputError, "'c' is not in the vocabulary"),
        (lambda: emb.nearest(np.ones((2, 1)), ["a"], "a"), InputError, "2 vectors but 1 words"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()
