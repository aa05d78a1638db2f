# SPDX-License-Identifier: MIT
"""Seccomp filters that deny system calls of io_uring, one by one, as some profiles of containers do."""
import ctypes
import os
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000
NUMBERS = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}


def denying(call, error):
    """For preexec_fn of subprocess: from then on the call ends with this errno."""
    program = ((LOAD, 0, 0, 0), (JUMP_EQUAL, 0, 1, NUMBERS[call]), (RETURN, 0, 0, ERRNO | error),
               (RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *i) for i in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
                libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), len(code))
    return apply
