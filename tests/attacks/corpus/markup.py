"""Attacks by script and markup, in what others will look at."""

from __future__ import annotations

from .attack import ATTACKS, STUBS, Attack, code

S = "markup"
EVIL = "<script>CANARY_SCRIPT()</script><img src=x onerror=CANARY_SCRIPT()>"
ATTACKS.append(
    Attack(
        "script in a free answer",
        S,
        {"response-r2-1": f"# x {EVIL}\n\n[a](javascript:CANARY_SCRIPT()) <svg onload=CANARY_SCRIPT()>"},
    )
)
code("script in an error", S, f"raise ValueError({EVIL!r})")
code(
    "script in printed text and reprs",
    S,
    f"class L:\n    def _repr_html_(self): return {EVIL!r}\n    _repr_svg_ = _repr_markdown_ = _repr_html_\n    def __repr__(self): return {EVIL!r}\nprint({EVIL!r})\ndisplay(L())\nL()",
)
code(
    "script in the errors of functions",
    S,
    "LIE = 0" + STUBS.replace("return LIE", f"raise ValueError({EVIL!r})"),
)
code("script in names and types", S, f"LIE = type({EVIL!r}, (), {{}})()" + STUBS)
ATTACKS.append(Attack("script in the student id", S, {"student-id": f"student_id = {EVIL!r}"}))
code(
    "terminal escapes",
    S,
    "print('\\x1b]0;owned\\x07\\x1b[2J\\x00\\x08')\nraise ValueError('\\x1b[31mred\\x1b]8;;http://x\\x07')",
)
