"""What is taken away from a process before a student's code runs in it: namespaces, privileges, resources, system calls.

Each step raises `Unconfined` when it cannot be done; the caller then refuses to run anything (fail closed).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys

__all__ = [
    "FILTERED",
    "Unconfined",
    "die_with_parent",
    "drop_privileges",
    "filter_system_calls",
    "forbid_new_privileges",
    "limit_resources",
    "own_namespaces",
]

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22


class Unconfined(Exception):
    """A layer of the sandbox could not be put up."""


def own_namespaces(scratch_mb: int = 64) -> None:
    """A user, mount, process and IPC namespace of one's own; an empty private /tmp, and nothing in /proc.

    The next child is process 1 of the new process namespace: it sees and signals nobody else.
    """
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC)
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{file}", "w") as handle:
            handle.write(text)
    _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    options = f"size={scratch_mb}m,nr_inodes=2000,mode=0700".encode()
    _call("mount", b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)
    _call("mount", b"tmpfs", b"/dev/shm", b"tmpfs", MS_RDONLY, b"size=4k")
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", MS_RDONLY, b"size=4k")
    os.chdir("/tmp")


def die_with_parent() -> None:
    """This process is killed when its parent ends."""
    _call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)


def limit_resources(memory_mb: int, cpu_seconds: int, file_mb: int = 16, processes: int = 64) -> None:
    """Hard limits on memory, CPU time, file size, open files and processes; no core files."""
    for what, value in (
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_mb << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_STACK, 64 << 20),
    ):
        _, ceiling = resource.getrlimit(what)
        new = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        try:
            resource.setrlimit(what, (new, new))
        except (ValueError, OSError) as error:
            if sys.platform == "linux":
                raise Unconfined(f"a resource limit cannot be set: {error}") from None


def drop_privileges() -> None:
    """No capability can be had again, and no memory of this process can be read."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 and ctypes.get_errno() == errno.EPERM:
            break  # already without the right to drop: the set is empty
    header = struct.pack("=Ii", 0x20080522, 0)
    _call("capset", header, bytes(24))
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def forbid_new_privileges() -> None:
    """No program that this process runs can gain a privilege; Landlock and the filter of system calls ask for it."""
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


# System calls that a notebook cell has no business with: numbers on x86_64 and aarch64 (None: does not exist there).
FILTERED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
    "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "sendmmsg": (307, 269),
    "recvmmsg": (299, 243), "bind": (49, 200), "listen": (50, 201), "setsockopt": (54, 208), "shutdown": (48, 210),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_madvise": (440, 440),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "personality": (135, 92), "acct": (163, 89), "quotactl": (179, 60),
    "mknod": (133, None), "mknodat": (259, 33), "memfd_create": (319, 279), "setuid": (105, 146), "setgid": (106, 144),
    "setrlimit": (160, 164), "prlimit64": (302, 261), "sched_setaffinity": (203, 122), "setpriority": (141, 140),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "syslog": (103, 116), "clock_settime": (227, 112),
}  # fmt: skip

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_ARCHES = {"x86_64": (0xC000003E, 0, 56, 435, 231), "aarch64": (0xC00000B7, 1, 220, 435, 94)}
CLONE_THREAD = 0x00010000


def filter_system_calls() -> None:
    """A seccomp filter: the calls above fail with EPERM, a new process is refused, a new thread is allowed.

    Call after `forbid_new_privileges`.

    clone3 hides its flags behind a pointer, so it is said not to exist and the C library uses clone.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHES:
        raise Unconfined(f"no system call filter is known for {sys.platform} on {machine}")
    arch, column, clone, clone3, _ = _ARCHES[machine]
    eperm, enosys = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    code = [
        _load(4),
        _jump_eq(arch, 1, 0),
        _return(_KILL),
        _load(0),
        *([_jump_ge(0x40000000, 0, 1), _return(_KILL)] if machine == "x86_64" else []),  # the x32 numbers
        _jump_eq(clone3, 0, 1),
        _return(enosys),
        _jump_eq(clone, 0, 4),
        _load(16),  # the flags: first argument, low half
        _jump_set(CLONE_THREAD, 0, 1),
        _return(_ALLOW),
        _return(eperm),
    ]
    numbers = sorted({row[column] for row in FILTERED.values() if row[column] is not None})  # type: ignore[type-var]
    for number in numbers:
        code += [_jump_eq(number, 0, 1), _return(eperm)]  # type: ignore[arg-type]
    code.append(_return(_ALLOW))
    program = b"".join(code)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    _call("prctl", PR_SET_SECCOMP, 2, header, 0, 0)


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _jump_eq(value: int, yes: int, no: int) -> bytes:
    return struct.pack("HBBI", 0x15, yes, no, value)


def _jump_ge(value: int, yes: int, no: int) -> bytes:
    return struct.pack("HBBI", 0x35, yes, no, value)


def _jump_set(value: int, yes: int, no: int) -> bytes:
    return struct.pack("HBBI", 0x45, yes, no, value)


def _return(value: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, value)


def _call(name: str, *args: object) -> None:
    if not hasattr(_libc, name):
        raise Unconfined(f"this system has no {name}")
    plain = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in args]
    if getattr(_libc, name)(*plain) != 0:
        raise Unconfined(f"{name} failed: {os.strerror(ctypes.get_errno())}")
