"""Attacks that try to break the machine: endless loops, floods, bombs, threads, signals."""

from __future__ import annotations

from .attack import STUBS, code

B = "breaking"
code("os._exit in a cell", B, "import os\nos._exit(0)")
code("os._exit in every function", B, "import os\nLIE = 0" + STUBS.replace("return LIE", "os._exit(0)"))
code("SystemExit and KeyboardInterrupt", B, "raise SystemExit(0)")
code("kill -9 of itself", B, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
code(
    "kill -9 of everybody",
    B,
    "import os, signal\nfor p in (1, os.getppid(), -1, 0):\n    try: os.kill(p, signal.SIGKILL)\n    except OSError: pass\ntry: os.killpg(0, 9)\nexcept OSError: pass",
)
code("an endless loop in a cell", B, "while True: pass")
code("an endless loop in a function", B, "def affine_forward(X, W, b):\n    while True: pass")
code(
    "a loop that ignores the alarm",
    B,
    "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
)
code("sleeping", B, "import time\ntime.sleep(10**6)")
code(
    "threads that outlive the cell",
    B,
    "import threading, time\ndef f():\n    while True: time.sleep(0.001)\nfor _ in range(20): threading.Thread(target=f, daemon=False).start()",
)
code(
    "a thread bomb",
    B,
    "import threading, time\ntry:\n    while True: threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()\nexcept RuntimeError: pass",
)
code("a fork bomb", B, "import os\ntry:\n    while True: os.fork()\nexcept OSError: pass")
code(
    "subprocesses",
    B,
    "import subprocess, os\nfor c in (['sh', '-c', 'sleep 100 &'], ['true']):\n    try: subprocess.Popen(c)\n    except OSError: pass\nimport multiprocessing\ntry: multiprocessing.Process(target=print).start()\nexcept Exception: pass",
)
code("a memory bomb", B, "x = []\ntry:\n    while True: x.append(bytearray(10**8))\nexcept MemoryError: pass")
code("a memory bomb of small things", B, "x = []\nwhile len(x) < 10**9: x.append(object())")
code(
    "a file flood",
    B,
    "try:\n    with open('/tmp/f', 'wb') as f:\n        while True: f.write(b'x' * 10**7)\nexcept OSError: pass\ntry:\n    for i in range(10**5): open(f'/tmp/{i}', 'w')\nexcept OSError: pass",
)
code(
    "an inode flood",
    B,
    "import os\ntry:\n    for i in range(10**6): os.mkdir(f'/tmp/d{i}')\nexcept OSError: pass",
)
code(
    "an output flood",
    B,
    "import sys, os\nfor _ in range(2000): print('x' * 10**5)\nsys.stderr.write('y' * 10**7)\nfor _ in range(100):\n    try: os.write(1, b'z' * 10**5); os.write(2, b'z' * 10**5)\n    except OSError: pass",
)
code("recursion without end", B, "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()")
code("a segmentation fault", B, "import ctypes\nctypes.string_at(0)")
code(
    "a segmentation fault in a function",
    B,
    "import ctypes\nLIE = 0" + STUBS.replace("return LIE", "ctypes.string_at(0)"),
)
code(
    "figures without end",
    B,
    "import matplotlib.pyplot as plt\nfor _ in range(60):\n    plt.figure(figsize=(30, 30)); plt.plot([1, 2])",
)
code("a display of a hundred thousand things", B, "for i in range(10**5): display(i)")
code(
    "file descriptors without end",
    B,
    "x = []\ntry:\n    while True: x.append(open('/dev/null'))\nexcept OSError: pass",
)
PICTURE = r"""
class Picture:
    def __init__(self): self.bytes = b'\x89PNG\r\n\x1a\n' + bytes(200 << 10)
    def _repr_png_(self): return self.bytes
"""
code("pictures without end", B, PICTURE + "for _ in range(10**4): display(Picture())\nPicture()")
code(
    "display replaced",
    B,
    "import builtins, sys\nbuiltins.display = lambda *a, **k: 100.0\nsys.modules['IPython.display'].display = builtins.display",
)
code(
    "a picture that never ends",
    B,
    "class Picture:\n    def _repr_png_(self):\n        while True: pass\nPicture()",
)
