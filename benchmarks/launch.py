"""Runs a command, and writes down what it used: `python -I -S launch.py <file> <command …>`.

A process of its own because the kernel counts the memory of whoever starts a process as that process's, if it is more;
this one is smaller than anything that is measured.
"""

import json
import os
import subprocess
import sys

child = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(child.pid, 0)
found = {
    "status": os.waitstatus_to_exitcode(status),
    "cpu_s": used.ru_utime + used.ru_stime,
    "maxrss": used.ru_maxrss,
}
with open(sys.argv[1], "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would make it larger
    json.dump(found, file)
