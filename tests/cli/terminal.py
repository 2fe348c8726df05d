"""A program in a pseudo-terminal: what its screen says, and keys for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Terminal:
    def __init__(self, command, cwd, *, rows=40, columns=110, patience_s=120, **env):
        self.screen = ""
        self.code = None
        self._patience_s = patience_s
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(cwd)
            # As Python knows it: readline has put a size of its own into that of the process.
            kept = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
            os.execve(command[0], [str(one) for one in command], {**kept, "TERM": "xterm", **env})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, 9)
            os.waitpid(self._pid, 0)
        os.close(self._master)

    def press(self, key, until):
        """Press a key once the program waits for one; the screen from then until it says something."""
        self._wait_for(self._waits_for_a_key, "a key to be read")
        self.screen = ""
        self.type(key)
        return self.sees(until)

    def type(self, keys):
        os.write(self._master, keys.encode())

    def sees(self, text):
        self._wait_for(lambda: text in self.screen, repr(text))
        return self.screen

    def ends(self):
        self._wait_for(self._ended, "the end")
        return self.code

    def _waits_for_a_key(self):
        return not termios.tcgetattr(self._master)[3] & termios.ICANON

    def _ended(self):
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
        return bool(pid)

    def _wait_for(self, done, what):
        until = time.monotonic() + self._patience_s
        while not done():
            assert time.monotonic() < until, f"waited for {what}; the screen says:\n{self.screen}"
            if select.select([self._master], [], [], 0.02)[0]:
                with contextlib.suppress(OSError):  # on Linux, of a program that has ended
                    self.screen += _SEQUENCE.sub("", os.read(self._master, 65_536).decode(errors="replace"))
