"""Random numbers that belong to one student: the same on every machine, different for everybody.

Every draw of the course comes from a generator made here. What a student sees is drawn with the public salt from
the id typed into the notebook; hidden data is drawn by the same functions with a secret salt.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

__all__ = ["PRIMES", "distinct_primes", "student_rng", "student_seed"]

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23)


def student_seed(student_id: str, *what: object, salt: str = "public") -> int:
    """A 64-bit seed for one student and one purpose.

    seed = blake2b(student_id | what… | salt), read as a big-endian integer.

    The parts are joined with a separator that keeps ("ab", "c") and ("a", "bc") apart.

    >>> student_seed("ada", "A02", "softmax-ce") == student_seed("ada", "A02", "softmax-ce")
    True
    >>> student_seed("ada", "A02") == student_seed("bob", "A02")
    False
    """
    text = "\x1f".join([str(student_id).strip(), *map(str, what), salt])
    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")


def student_rng(student_id: str, *what: object, salt: str = "public") -> np.random.Generator:
    """A fresh generator for one student and one purpose; two calls give the same numbers.

    >>> int(student_rng("ada", "A02").integers(1000)) == int(student_rng("ada", "A02").integers(1000))
    True
    """
    return np.random.default_rng(student_seed(student_id, *what, salt=salt))


def distinct_primes(rng: np.random.Generator, count: int, low: int = 2, high: int = 11) -> tuple[int, ...]:
    """Different small primes in random order, to be used as sizes.

    Sizes that differ and have no common factor make a transposed, flattened or wrongly summed array visible: no
    two shapes coincide by chance.

    Raises: ValueError when there are fewer than `count` primes between low and high.

    >>> sorted(distinct_primes(np.random.default_rng(0), 3, low=2, high=5))
    [2, 3, 5]
    """
    pool = [p for p in PRIMES if low <= p <= high]
    if count > len(pool):
        raise ValueError(
            f"distinct_primes: asked for {count} different primes from {low} to {high}, there are {len(pool)}: {pool}. "
            f"Raise high (at most {PRIMES[-1]}) or ask for fewer."
        )
    return tuple(int(p) for p in rng.permutation(pool)[:count])
