"""Landlock: the kernel lets this process write in /tmp alone, whatever is mounted, run no program and open no TCP port.

One more layer below the namespaces, where the kernel has it (Linux 5.13 and newer, when it is switched on).
Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from .confine import Unconfined

__all__ = ["restrict", "version"]

_libc = ctypes.CDLL(None, use_errno=True)

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on all machines
PATH_BENEATH = 1
WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
# rights that a ruleset of a version may name: its files (to run one is the lowest bit), TCP ports, what leaves the process
FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
DEVICES = 1 << 15  # ioctl on a device
RUN = 1 << 0
BIND_OR_CONNECT = 0b11
SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """The version of Landlock that the kernel offers; 0 where it offers none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def restrict(scratch: str = "/tmp") -> None:
    """From here on: reading as before, writing below `scratch` and to /dev/null, and nothing of all else for good.

    Call after `no_new_privs` is set. Raises Unconfined when the kernel offers Landlock and refuses it.
    """
    offered = version()
    if not offered:
        return
    files = FILES[min(offered, max(FILES))]
    fields = [files]
    if offered >= 4:
        fields.append(BIND_OR_CONNECT)
    if offered >= 6:
        fields.append(SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        _allow(ruleset, "/", READ_FILE | READ_DIR)
        _allow(ruleset, scratch, files & ~(RUN | DEVICES))
        _allow(ruleset, "/dev/null", files & (READ_FILE | WRITE_FILE | TRUNCATE))
        _call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, place)
        _call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(place)


def _call(number: int, *args: object) -> int:
    result = int(_libc.syscall(number, *args))
    if result < 0:
        raise Unconfined(f"Landlock refuses (call {number}): {os.strerror(ctypes.get_errno())}")
    return result
