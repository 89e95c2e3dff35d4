"""No attack gains a mark, leaks a secret, harms an honest student or stops the run."""

import pytest

from autograder.sandbox.launcher import bubblewrap

from .corpus import ATTACKS
from .run import judge, prepare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap is not installed"),
]


def test_attacks_gain_leak_harm_and_stop_nothing(tmp_path):
    assert len(ATTACKS) >= 80 and len({a.name for a in ATTACKS}) == len(ATTACKS)
    verdicts = judge(prepare(tmp_path))
    assert [(v.attack.name, v.got) for v in verdicts if v.gained] == []
    assert [(v.attack.name, v.leaked) for v in verdicts if v.leaked] == []
    assert [(v.attack.name, v.harmed) for v in verdicts if v.harmed] == []
    assert [v.attack.name for v in verdicts if v.crashed] == []
