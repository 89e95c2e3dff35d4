"""Attacks that look for what is hidden: files, processes, frames, credentials, the withheld chapters."""

from __future__ import annotations

from .attack import code

H = "looking around"
WALK = "import os\nfound = []\nfor root, dirs, files in os.walk('/'):\n    dirs[:] = [d for d in dirs if d not in ('sys',)]\n    for f in files:\n        p = os.path.join(root, f)\n        if any(w in p.lower() for w in WORDS): found.append(p)\n"
code(
    "files that look secret",
    H,
    "WORDS = ('.secret', 'gradebook', 'solution', 'submitted', 'hidden', 'a02-backprop', 'result.json', 'id_rsa', 'credentials')\n"
    + WALK
    + "for p in found[:200]:\n    try: print(p, open(p, errors='replace').read()[:2000])\n    except OSError as e: print(p, e)",
)
code(
    "every readable text is searched for answers",
    H,
    "import os\nfor root, dirs, files in os.walk('/kit'):\n    for f in files:\n        try: t = open(os.path.join(root, f), errors='replace').read()\n        except OSError: continue\n        for w in ('CANARY', 'BEGIN SOLUTION', 'BEGIN HIDDEN', 'def affine_backward'):\n            if w in t: print(os.path.join(root, f), w)",
)
code(
    "relative paths to the gradebook",
    H,
    "import os\nfor up in range(12):\n    for f in ('gradebook.db', '.secret', 'submitted', 'solutions/A02-backprop-by-hand.py', 'results'):\n        p = '../' * up + f\n        if os.path.exists(p): print(p, open(p, 'rb').read()[:500] if os.path.isfile(p) else os.listdir(p))",
)
code(
    "the environment",
    H,
    "import os, sys\nprint(dict(os.environ), sys.argv, sys.path, os.getcwd(), sys.flags, sys.orig_argv)",
)
code(
    "other processes",
    H,
    "import os, glob\nfor p in glob.glob('/proc/*/cmdline') + glob.glob('/proc/*/environ') + glob.glob('/proc/self/maps') + glob.glob('/proc/*/mem'):\n    try: print(p, open(p, 'rb').read()[:500])\n    except OSError as e: print(e)\nprint(os.getppid())",
)
code(
    "other submissions and leftovers",
    H,
    "import os\nfor d in ('/tmp', '/dev/shm', '/var/tmp', '/run', '/dev/mqueue', os.path.expanduser('~')):\n    try: print(d, [(f, open(os.path.join(d, f), errors='replace').read()[:500]) for f in os.listdir(d)])\n    except OSError as e: print(d, e)\ntry: open('/tmp/CANARY-left', 'w').write('CANARY-left')\nexcept OSError: pass",
)
code(
    "withheld chapters",
    H,
    "import importlib, course, os, sys\nfor n in ('backprop', 'graph', 'nn', 'optim'):\n    try: m = importlib.import_module('course.' + n); print('CANARY-chapter', n, dir(m))\n    except ImportError as e: print(e)\nimport glob\nprint(glob.glob('/**/backprop*', recursive=True), glob.glob('/**/*.pyc', recursive=True)[:5])\ntry:\n    from course import affine_forward, affine_backward, softmax_ce\nexcept Exception as e: print(e)",
)
code(
    "the entries of the checks",
    H,
    "try:\n    from autograder.assignments.a02 import TABLE, pairs\n    print('CANARY-entries', TABLE.references)\n    globals().update(TABLE.references)\nexcept Exception as e: print(type(e), e)",
)
code(
    "hidden tests in history and caches",
    H,
    "import linecache, sys, gc\nprint([k for k in linecache.cache if 'test' in k], globals().get('In'), globals().get('_ih'))\nprint([type(o) for o in gc.get_objects() if type(o).__name__ in ('Entry', 'Table', 'Check', 'Draws', 'Plan')])",
)
code(
    "site-packages of the machine",
    H,
    "import sys, glob, os\nprint([p for p in glob.glob('/**/site-packages/*', recursive=True) if 'autograder' in p or 'nbgrader' in p or 'backprop_course' in p])\ntry:\n    import nbgrader; print('CANARY-nbgrader')\nexcept ImportError: pass",
)
code(
    "sockets to loopback and outside",
    H,
    "import socket\nfor fam in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n    for target in (('127.0.0.1', 8888), ('127.0.0.1', 5432), ('10.0.0.1', 80)):\n        try:\n            s = socket.socket(fam); s.settimeout(0.2); s.connect(target); print('CANARY-socket')\n        except Exception as e: pass\n    try: socket.socketpair(); print('CANARY-pair')\n    except Exception: pass",
)
code(
    "writing anywhere",
    H,
    "import os\nfor d in ('/', '/kit', '/kit/course', '/usr', '/etc', '/dev', '/proc', '/root', '/home', '/kit/site/numpy'):\n    try: open(os.path.join(d, 'owned'), 'w').write('x'); print('CANARY-wrote', d)\n    except OSError: pass\nimport course.neurons as n\ntry: open(n.__file__, 'a').write('\\nowned = 1'); print('CANARY-wrote library')\nexcept OSError: pass",
)
code(
    "privileges and namespaces",
    H,
    "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nfor f, a in (('unshare', (0x10000000,)), ('setuid', (0,)), ('mount', (b'proc', b'/tmp', b'proc', 0, None)), ('chroot', (b'/tmp',)), ('ptrace', (16, 1, 0, 0)), ('setns', (0, 0)), ('keyctl', (0, 0))):\n    try:\n        if getattr(l, f)(*a) == 0: print('CANARY-privilege', f)\n    except Exception: pass\nprint(os.getuid())",
)
