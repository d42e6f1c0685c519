"""Clients that are many, slow, rude or greedy, at the socket given as argument; prints what they get."""
import hashlib
import pickle
import socket
import sys
import threading
import time

END = b"<F2B_END_COMMAND>"
CLOSE = b"<F2B_CLOSE_COMMAND>"


def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    peer.settimeout(60)
    return peer


def request(*words, protocol=5):
    return pickle.dumps(list(words), protocol) + END


class Reader:
    def __init__(self, peer):
        self.peer, self.rest = peer, b""

    def reply(self):
        """The next reply, or how the connection ended."""
        while END not in self.rest:
            try:
                piece = self.peer.recv(1 << 20)
            except ConnectionError as error:
                return type(error).__name__
            if not piece:
                return "closed, %d bytes left" % len(self.rest)
            self.rest += piece
        message, self.rest = self.rest.split(END, 1)
        return pickle.loads(message)


def ask(*words):
    peer = connect()
    peer.sendall(request(*words))
    reply = Reader(peer).reply()
    peer.close()
    return reply


# The end of a request in pieces of every size, and what looks like the end inside a request.
for size in 1, 2, 7, 16:
    peer = connect()
    bytes_ = request("echo", "a") + request("echo", "<F2B_END_", "F2B_END_COMMAND>", "<F2B_CLOSE_COMMAND>")
    for start in range(0, len(bytes_), size):
        peer.sendall(bytes_[start : start + size])
    reader = Reader(peer)
    print("pieces of", size, reader.reply(), reader.reply())

# Many commands at once, of every protocol; a goodbye among them: what follows it is not answered.
peer = connect()
peer.sendall(b"".join(request("echo", str(number), protocol=number % 6) for number in range(60)))
reader = Reader(peer)
print("at once", [reader.reply()[1][0] for _ in range(60)])
peer.sendall(request("ping") + CLOSE + END + request("ping"))
print("goodbye", reader.reply(), reader.reply())

# Half closed: the client will say no more, and still listens.
peer = connect()
peer.sendall(request("status"))
peer.shutdown(socket.SHUT_WR)
reader = Reader(peer)
print("half closed", reader.reply(), reader.reply())
peer = connect()
peer.sendall(request("ping")[:-3])
peer.shutdown(socket.SHUT_WR)
print("half a request", Reader(peer).reply())
peer = connect()
peer.shutdown(socket.SHUT_WR)
print("nothing", Reader(peer).reply())
connect().close()

# A hundred at the same time, a few commands each.
results = []


def one_of_many(number):
    peer = connect()
    reader = Reader(peer)
    for word in "echo", "echo", "ping":
        peer.sendall(request(word, str(number)))
        results.append((number, reader.reply()))
    peer.close()


threads = [threading.Thread(target=one_of_many, args=(number,)) for number in range(100)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("a hundred", sorted(map(str, results)))

# Ten thousand hosts in one reply.
hosts = ["198.18.%d.%d" % divmod(number, 250) for number in range(10000)]
print("banned", ask("set", "plain", "banip", *hosts))
while ask("status", "plain")[1][1][1][0][1] < len(hosts):
    time.sleep(0.05)


def digest(values):
    return len(values), hashlib.sha1(" ".join(sorted(map(str, values))).encode()).hexdigest()


print("get banip", digest(ask("get", "plain", "banip")[1]))
print("get banip with times", len(ask("get", "plain", "banip", "--with-time")[1]))
print("status", digest(ask("status", "plain")[1][1][1][2][1]))
print("banned", [digest(jail["plain"]) for jail in ask("banned")[1] if "plain" in jail])

# Somebody asks for that again and again and reads nothing; the others are served meanwhile.
deaf = connect()
deaf.setblocking(False)
wanted = 0
try:
    for wanted in range(300):
        deaf.sendall(request("get", "plain", "banip"))
except BlockingIOError:
    pass
print("meanwhile", [ask("ping") for _ in range(20)])
deaf.close()
peer = connect()
peer.sendall(request("get", "plain", "banip") * 20)
time.sleep(0.2)
reader = Reader(peer)
print("slow", {digest(reader.reply()[1]) for _ in range(20)})
print("unbanned", ask("unban", "--all"))
print("after all", ask("ping"))
