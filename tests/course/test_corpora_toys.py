"""The toy tasks and real texts: what they hold, how often, and files that are no text."""

from collections import Counter

import numpy as np
import pytest

from course.toolbox.corpora.text import pydoc, read_text, sentences_of
from course.toolbox.corpora.toys import farm_tagged, tags, translation_split, translations
from course.toolbox.errors import FormatError, InputError

SENTENCES = farm_tagged(np.random.default_rng(0), 4000)


def share(hits, of):
    """A share and four standard errors of it."""
    p = hits / of
    return p, 4 * np.sqrt(p * (1 - p) / of)


def test_only_sheep_has_two_tags_and_every_tag_comes_up():
    seen = {}
    for words, kinds in SENTENCES:
        assert len(words) == len(kinds) and words[-1] == kinds[-1] == "."
        for word, tag in zip(words, kinds):
            seen.setdefault(word, set()).add(tag)
    assert {w for w, t in seen.items() if len(t) > 1} == {"sheep"} and seen["sheep"] == {"N_SG", "N_PL"}
    assert set().union(*seen.values()) == set(tags()) and len(tags()) == 10


def test_the_last_verb_agrees_with_the_first_noun_and_tells_the_number_of_sheep():
    for words, kinds in SENTENCES:
        noun = next(t for t in kinds if t.startswith("N_"))
        verb = [t for t in kinds if t.startswith("V_")][-1]
        assert verb[2:] == noun[2:] and (words[kinds.index(noun) - 1] in ("the", "black"))


def test_shares_are_those_of_the_grammar():
    first = [w[2] if w[1] == "black" else w[1] for w, _ in SENTENCES]
    for hits, p in [
        (first.count("sheep"), 3 / 7),
        (sum(w[1] == "black" for w, _ in SENTENCES), 0.3),
        (sum("V_SG" in t[-3:] for _, t in SENTENCES), 0.5),
    ]:
        mean, error = share(hits, len(SENTENCES))
        assert abs(mean - p) < error
    after = [w[w.index(n) + 1] for (w, _), n in zip(SENTENCES, first)]
    p, error = share(sum(w in ("near", "that") for w in after), len(after))
    assert abs(p - 0.4) < error
    p, error = share(after.count("near"), after.count("near") + after.count("that"))
    assert abs(p - 0.6) < error
    for _, kinds in SENTENCES:  # no clause inside of a clause: a verb comes before the next one
        clause = [t[:1] for t in kinds if t == "REL" or t.startswith("V_")]
        assert "".join(clause) == "RV" * kinds.count("REL") + "V"
    assert max(t.count("REL") for _, t in SENTENCES) > 1 and farm_tagged(np.random.default_rng(0), 0) == []


def test_each_of_the_sentences_has_one_translation_that_agrees():
    pairs = translations()
    assert len(pairs) == 16_384 == len({" ".join(s) for s, _ in pairs})
    table = {" ".join(s): " ".join(t) for s, t in pairs}
    assert len(set(table.values())) == 16_384  # H(target) = 14 bits
    assert table["the black cow sees the red dogs ."] == "la vaca negra ve los perros rojos"
    assert table["the hens want the small farmer ."] == "las gallinas quieren el granjero pequeno"
    assert Counter(t[0] for _, t in pairs) == dict.fromkeys(["el", "los", "la", "las"], 4096)


def test_the_split_is_fixed_by_its_seed_and_shares_nothing():
    train, test = translation_split()
    assert (len(train), len(test)) == (6000, 400) and (train, test) == translation_split(seed=0)
    assert not {" ".join(s) for s, _ in train} & {" ".join(s) for s, _ in test}
    assert translation_split(seed=1)[0] != train


def test_python_documents_itself_at_length():
    text = pydoc()
    assert len(text) > 300_000 and "assert" in text and text == pydoc()
    assert all(sentences_of(text[:5000]))


def test_a_text_file_is_read_with_its_encoding(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffdie Kühe\r\nfressen\n".encode())
    assert read_text(path) == "die Kühe\nfressen\n"
    path.write_bytes("die Kühe".encode("latin-1"))
    assert read_text(str(path), encoding="latin-1") == "die Kühe"


@pytest.mark.parametrize(
    ("content", "encoding", "error", "words"),
    [
        ("a\nKühe".encode("latin-1"), "utf-8", FormatError, "no utf-8 text: byte 0xfc in line 2, at place 3"),
        ("Kühe".encode("utf-16"), "latin-1", FormatError, "zero bytes"),
        (b"\x89PNG\r\n", "utf-8", FormatError, "byte 0x89 in line 1"),
        (b"a", "utf-9", InputError, "encoding 'utf-9' is unknown"),
        (b" \n", "utf-8", InputError, "is empty"),
        (None, "utf-8", InputError, "cannot be read: No such file"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, encoding, error, words):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=words):
        read_text(path, encoding)


def test_impossible_sizes_are_refused():
    with pytest.raises(InputError, match="16384 \\+ 1 sentences are asked for"):
        translation_split(train=16_384, test=1)
    with pytest.raises(InputError, match="-1 sentences"):
        farm_tagged(np.random.default_rng(0), -1)
