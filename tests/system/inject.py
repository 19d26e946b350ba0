# SPDX-License-Identifier: Apache-2.0
"""System calls made in another process, from within: what a stranger in it could do.

x86-64 only. The process must be blocked in a system call, as an idle server is; it goes on afterwards
as if nothing had been.
"""

import contextlib
import ctypes
import errno
import os
import platform
import signal

CALLS = {"open": 2, "socket": 41, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "rename": 82,
         "mkdir": 83, "unlink": 87, "chmod": 90, "chown": 92, "ptrace": 101, "getppid": 110, "setuid": 105, "setgid": 106,
         "setgroups": 116, "setresuid": 117, "personality": 135, "prctl": 157, "setrlimit": 160, "chroot": 161,
         "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "init_module": 175, "openat": 257,
         "mknod": 133, "symlink": 88, "add_key": 248, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
         "name_to_handle_at": 303, "setns": 308, "process_vm_readv": 310, "memfd_create": 319, "bpf": 321,
         "execveat": 322, "userfaultfd": 323, "io_uring_setup": 425, "pidfd_open": 434, "clone3": 435}
ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
WALL = 0x40000000
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
         "ds es fs gs").split()
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Regs(ctypes.Structure):
    _fields_ = [(n, ctypes.c_ulonglong) for n in NAMES]


def available():
    return platform.machine() == "x86_64"


def ptrace(request, pid, addr=None, data=None):
    if libc.ptrace(request, pid, addr, data) < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))


class Inside:
    """A process that does what we say."""

    def __init__(self, pid):
        self.pid = pid
        self.saved = self._regs()
        self.at = self.saved.rip - 2
        if self._memory(self.at, 2) != b"\x0f\x05":
            raise OSError(errno.EBUSY, "not within a system call")

    def _memory(self, addr, size=None, data=None):
        fd = os.open(f"/proc/{self.pid}/mem", os.O_RDWR)
        try:
            return os.pread(fd, size, addr) if data is None else os.pwrite(fd, data, addr)
        finally:
            os.close(fd)

    def _regs(self):
        r = Regs()
        ptrace(GETREGS, self.pid, None, ctypes.addressof(r))
        return r

    def call(self, name, *args):
        """Result of a system call: a number, or the negative of an errno. Strings go to its stack."""
        r = Regs.from_buffer_copy(self.saved)
        room = self.saved.rsp - 8192
        numbers = []
        for a in args:
            if isinstance(a, (str, bytes)):
                data = (a.encode() if isinstance(a, str) else a) + b"\0"
                self._memory(room, data=data)
                numbers.append(room)
                room += (len(data) + 15) // 16 * 16
            else:
                numbers.append(a & (2**64 - 1))
        for reg, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), numbers + [0] * 6):
            setattr(r, reg, value)
        r.rax, r.orig_rax, r.rip = CALLS[name], 2**64 - 1, self.at
        ptrace(SETREGS, self.pid, None, ctypes.addressof(r))
        ptrace(SINGLESTEP, self.pid)
        _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status):
            raise OSError(errno.ESRCH, f"{name} ended the process: {status:#x}")
        value = ctypes.c_longlong(self._regs().rax).value
        ptrace(SETREGS, self.pid, None, ctypes.addressof(self.saved))
        return value


@contextlib.contextmanager
def inside(pid):
    ptrace(ATTACH, pid)
    _, status = os.waitpid(pid, WALL)
    assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
    process = None
    try:
        process = Inside(pid)
        yield process
    finally:
        if process is not None:
            ptrace(SETREGS, pid, None, ctypes.addressof(process.saved))
        ptrace(DETACH, pid)
