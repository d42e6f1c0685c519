"""Runs fail2ban-client's options on many configurations in one process.

Reads lines of options, tab-separated; answers each with "EXIT STDOUT-BYTES STDERR-BYTES" and the two texts.
"""
import logging
import resource
import sys

from fail2ban.client import fail2bancmdline as client

# Tags that contain each other grow exponentially: the tree is then given up.
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
messages, printed = [], []


class Collector(logging.Handler):
    def emit(self, record):
        messages.append(
            "TIME %-24s[PID]: %-7s %s\n" % (record.name, record.levelname, record.getMessage())
        )


logger = logging.getLogger("fail2ban")
logger.addHandler(Collector())
logger.propagate = False
logger.setLevel(logging.WARNING)
client.output = lambda text: printed.append("%s\n" % (text,))
client.PRODUCTION = False

for line in sys.stdin:
    messages.clear()
    printed.clear()
    status = client.Fail2banCmdLine().initCmdLine(["fail2ban-client"] + line.rstrip("\n").split("\t"))
    out, err = ("".join(texts).encode("utf-8", "replace") for texts in (printed, messages))
    if len(out) > 1 << 20:
        out = b"too long"
    sys.stdout.buffer.write(b"%d %d %d\n" % (0 if status else 255, len(out), len(err)) + out + err)
    sys.stdout.buffer.flush()
