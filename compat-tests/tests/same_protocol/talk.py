"""Talks to the server at the socket given as argument, in bytes, and prints what comes back."""
import pickle
import socket
import sys
import time

END = b"<F2B_END_COMMAND>"
CLOSE = b"<F2B_CLOSE_COMMAND>"


class Talk:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        # Blocking: the original lets hardly anybody wait in its queue.
        self.socket.connect(sys.argv[1])
        self.socket.settimeout(10)
        self.rest = b""

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part)
            if len(parts) > 1:
                time.sleep(0.02)

    def reply(self):
        while END not in self.rest:
            chunk = self.socket.recv(65536)
            if not chunk:
                return None
            self.rest += chunk
        message, self.rest = self.rest.split(END, 1)
        return message


def show(title, message):
    if message and b"192.0.2.1" in message:
        # The original sends an address as a call of str, ours as the text itself: the same once read.
        message = pickle.loads(message)
    print(title, "->", "closed" if message is None else message)


COMMANDS = [
    ["ping"],
    ["version"],
    ["echo"],
    ["echo", "a"],
    ["echo", "a", "b", 1, -1, 255, 256, 65536, 2**31, -2**31 - 1, 1.5, True, None, [], ["x"], (), ("y",), {}],
    ["echo", {"k": 1, "l": [1, 2, 3]}, ("a", "b", "c", "d")],
    ["echo", "ä€𝄞", "x" * 255, "x" * 256],
    ["echo", [str(i) for i in range(2500)]],
    ["echo", "x" * 70000],
    ["echo"] + ["%08d" % i * 20 for i in range(1000)],
    ["echo", {i: str(i) for i in range(1500)}],
    ["status"],
    ["status", "app"],
    ["status", "app", "short"],
    ["status", "app", "stats"],
    ["status", "nojail"],
    ["banned"],
    ["get", "app", "failregex"],
    ["get", "app", "logpath"],
    ["get", "app", "ignoreip"],
    ["get", "app", "datepattern"],
    ["get", "app", "bantime"],
    ["get", "app", "usedns"],
    ["get", "app", "ignorecommand"],
    ["get", "app", "actions"],
    ["get", "app", "banip"],
    ["get", "loglevel"],
    ["set", "app", "maxretry", "x"],
    ["set", "app", "maxretry", 7],
    ["set", "app", "maxretry"],
    ["set", "app", "banip", "192.0.2.1", "2001:db8::1"],
    ["set", "app", "addlogpath", "/no/such/file"],
    ["set", "app", "addfailregex", "("],
    ["set", "app", "addaction"],
    ["add", "app"],
    ["nonsense"],
    [],
    ("ping",),
    "ping",
    ["server-stream", [["echo", "a"], ["set", "app", "maxretry", "3"]]],
    ["server-stream", [["set", "app", "maxretry", "4"], ["nonsense"], ["set", "app", "maxretry", "5"]]],
    ["get", "app", "maxretry"],
    ["server-stream", []],
]

talk = Talk()
for command in COMMANDS:
    talk.send(pickle.dumps(command, 5) + END)
    show(repr(command)[:70], talk.reply())

for protocol in range(6):
    talk.send(pickle.dumps(["echo", "ä", 1, -1, 2**40, 1.5, True, False, None, ("a", "b"), {"k": []}], protocol) + END)
    show("protocol %d" % protocol, talk.reply())

# What other languages send.
for request in [
    b"\x80\x02]q\x00U\x04pinga.",
    b"(lp0\nS'ping'\np1\na.",
    b"\x80\x02(U\x06statusU\x03appl.",
    b"](X\x06\x00\x00\x00statusX\x03\x00\x00\x00appe.",
    b"\x80\x03(X\x04\x00\x00\x00pingt.",
    b"]q\x00(U\x06statusq\x01e.",
]:
    talk.send(request + END)
    show(request, talk.reply())

# What is no pickle at all.
for request in [b"", b"garbage", b"\x80\x05\x95", b"?", b"\x01", b".", b"h\x07.", b"\x80\x05N"]:
    talk.send(request + END)
    show(request, talk.reply())

ping = pickle.dumps(["ping"], 5)
talk.send(ping + END + ping + END + ping + END)
for number in range(3):
    show("merged %d" % number, talk.reply())
request = ping + END
talk.send(*(request[i : i + 5] for i in range(0, len(request), 5)))
show("split", talk.reply())
talk.send(ping + END + CLOSE + END)
show("before goodbye", talk.reply())
show("after goodbye", talk.reply())

# A client that stops in the middle of a request, and others meanwhile.
half = Talk()
half.send(ping)
others = [Talk() for _ in range(20)]
for other in others:
    other.send(ping + END)
for other in others:
    show("one of many", other.reply())
half.socket.close()
last = Talk()
last.send(ping + END)
show("after all", last.reply())
