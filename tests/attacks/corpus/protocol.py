"""Attacks on the channel: forged messages, floods, replies for other calls."""

from __future__ import annotations

from .attack import STUBS, code

C = "protocol"
FRAME = "import os, json, struct\ndef frame(m, body=b''):\n    d = json.dumps(m).encode()\n    return struct.pack('>II', len(d), len(body)) + d + body\n"


def forged(name: str, source: str, where: str = "cell") -> None:
    """Messages written to the channel, while a cell runs or from inside a function."""
    if where == "cell":
        code(name, C, FRAME + source)
    else:
        code(
            name,
            C,
            FRAME
            + "def forge():\n    "
            + source.replace("\n", "\n    ")
            + "\nLIE = 0"
            + STUBS.replace("return LIE", "forge(); return LIE"),
        )


forged(
    "a reply before the reply",
    "for n in range(1, 400): os.write(0, frame({'op': 'reply', 'n': n, 'value': 0.0, 'outputs': [], 'error': None, 'names': [], 'changed': []}))",
)
forged(
    "replies from inside a call",
    "for n in range(1, 2000): os.write(0, frame({'op': 'reply', 'n': n, 'value': 100.0}))",
    "call",
)
forged(
    "a reply with points",
    "os.write(0, frame({'op': 'reply', 'n': 1, 'score': 100, 'points': 100, 'status': 'passed'}))",
)
forged(
    "a picture of a size that cannot be",
    "png = {'type': 'png', 'data': {'$': 'nd', 'dtype': '<f8', 'shape': [0, 1 << 63], 'at': [0, 0]}}\n"
    "for n in range(1, 400): os.write(0, frame({'op': 'reply', 'n': n, 'value': 0.0, 'outputs': [png], 'error': None, 'names': [], 'changed': []}))",
)
forged("the sandbox refuses", "os.write(0, frame({'op': 'refused', 'n': 0, 'text': 'broken'}))")
forged(
    "the sandbox refuses in a call", "os.write(0, frame({'op': 'refused', 'n': 0, 'text': 'broken'}))", "call"
)
forged("an answer to nobody", "os.write(0, frame({'op': 'answer', 'n': 1, 'value': 1}))")
forged(
    "a flood of frames",
    "data = frame({'op': 'ask', 'n': 1, 'guest': 1, 'name': '__call__', 'args': {'$': 't', 'v': []}})\nfor _ in range(20000): os.write(0, data)",
)
forged("a header of two gigabytes", "os.write(0, struct.pack('>II', 2**31, 0) + b'{' * 1000)")
forged("a body of four gigabytes", "os.write(0, struct.pack('>II', 2, 2**32 - 1) + b'{}' * 1000)")
forged("deeply nested JSON", "d = b'[' * 10**6\nos.write(0, struct.pack('>II', len(d), 0) + d)")
forged(
    "numbers with a million digits",
    "d = b'{\"n\":' + b'9' * 10**6 + b'}'\nos.write(0, struct.pack('>II', len(d), 0) + d)",
)
forged(
    "half a frame, then silence", "os.write(0, struct.pack('>II', 100, 0) + b'{')\nimport time\ntime.sleep(3)"
)
forged(
    "an array that reaches beyond",
    "os.write(0, frame({'op': 'reply', 'n': 4, 'value': {'$': 'nd', 'dtype': '<f8', 'shape': [2**40], 'at': [0, 8]}}, b'x' * 8))",
)
forged(
    "guests that were never lent",
    "for n in ('__class__', '__globals__', 'thing', 'check', '__call__'): os.write(0, frame({'op': 'ask', 'n': 1, 'guest': 1, 'name': n, 'args': {'$': 't', 'v': [{'$': 'l', 'v': []}, {'$': 'd', 'v': []}]}}))",
    "call",
)
forged("the channel is closed", "os.close(0)")
forged("the channel is closed in a call", "os.close(0)", "call")
forged(
    "the channel is read by a thread",
    "import threading\nseen = []\ndef spy():\n    while True: seen.append(os.read(0, 100))\nthreading.Thread(target=spy, daemon=True).start()",
)
code(
    "every reply rewritten",
    C,
    "import sys\nw = sys.modules.get('inside.channel')\nif w:\n    real = w.Channel.send\n    w.Channel.send = lambda self, h, b=None, t=None: real(self, {**h, 'value': 100.0, 'error': None}, b, t)\nLIE = 0"
    + STUBS,
)
