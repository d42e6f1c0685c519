"""What programs send and read that no registry has for us. Each function says whose words or bytes it repeats, and
prints what that program would make of the answers. Arguments: the socket, the database."""
import pickle
import re
import socket
import sqlite3
import subprocess
import sys

SOCKET, DATABASE = sys.argv[1:3]
END = b"<F2B_END_COMMAND>"
CLOSE = b"<F2B_CLOSE_COMMAND>"


def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(SOCKET)
    peer.settimeout(10)
    return peer


def plain(value):
    """Without times: bans, and what counts seconds."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", repr(value))


# --- Go: github.com/kisielk/og-rek writes the request, github.com/nlpodyssey/gopickle reads the reply


def ogrek(peer, words, protocol=2):
    """Every opcode in a write of its own; lists are MARK … LIST, strings SHORT_BINSTRING. Before version 1.0 the
    encoder knew protocol 1 only: EMPTY_LIST MARK … APPENDS."""
    parts = [b"\x80\x02", b"("] if protocol == 2 else [b"](",]
    for word in words:
        text = word.encode()
        parts += [b"U" + bytes([len(text)]), text]
    for part in parts + [b"l" if protocol == 2 else b"e", b".", END]:
        peer.sendall(part)


def read_in_kilobytes(peer):
    """fail2ban-prometheus-exporter's loop: whole buffers of 1024 bytes are appended, however little is in them, so
    a reply that does not come in one piece is spoiled."""
    data = b""
    while END not in data:
        filled = peer.recv(4096)
        assert filled, "closed"
        for start in range(0, len(filled), 1024):
            data += filled[start : start + 1024].ljust(1024, b"\0")
    return pickle.loads(data)


def exporter():
    """gitlab.com/hectorjsmith/fail2ban-prometheus-exporter: one connection for a scrape."""
    peer = connect()

    def ask(*words):
        ogrek(peer, words)
        return read_in_kilobytes(peer)

    print(ask("ping", "100"), ask("version"))
    jails = [name.strip() for name in ask("status")[1][1][1].split(",")]
    print("f2b_up 1\nf2b_jail_count %d" % len(jails))
    for jail in jails:
        (_, found), (_, banned) = ask("status", jail)[1]
        for name, value in [
            ("failed_current", found[0][1]),
            ("failed_total", found[1][1]),
            ("banned_current", banned[0][1]),
            ("banned_total", banned[1][1]),
        ]:
            print('f2b_jail_%s{jail="%s"} %d' % (name, jail, value))
        for option in "bantime", "findtime", "maxretry":
            print('f2b_config_jail_%s{jail="%s"} %r' % (option, jail, ask("get", jail, option)[1]))
    print(ask("status", "nosuch"))


def exporter_database():
    """The same program's first versions read the database."""
    database = sqlite3.connect(DATABASE)
    for query in [
        "SELECT j.name, (SELECT COUNT(1) FROM bips b WHERE j.name = b.jail) FROM jails j",
        "SELECT j.name, (SELECT COUNT(1) FROM bans b WHERE j.name = b.jail) FROM jails j",
        "SELECT j.name, j.enabled FROM jails j",
    ]:
        print(sorted(database.execute(query)))


def dashboard():
    """webishdev/fail2ban-dashboard: a connection kept for hours; bans with their times, which must have this form."""
    peer = connect()
    form = re.compile(r"^(\S+) \t(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \+ (\d+) = (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)$")
    for _ in range(3):
        for words in ["version"], ["status"], ["status", "sshd"], ["banned"]:
            ogrek(peer, words)
            print(words, read_in_kilobytes(peer))
        for jail in "sshd", "web-app":
            ogrek(peer, ["get", jail, "banip", "--with-time"])
            for line in read_in_kilobytes(peer)[1]:
                print(jail, form.match(line).group(1, 3))


def fail2go():
    """github.com/sean-der/fail2go and Fail2Web: old og-rek, a connection per request, replies read byte by byte, the
    database found by asking for it."""
    for words in [
        ["ping"],
        ["status"],
        ["status", "sshd"],
        ["get", "sshd", "failregex"],
        ["get", "sshd", "usedns"],
        ["set", "sshd", "findtime", "700"],
        ["get", "sshd", "findtime"],
        ["set", "sshd", "maxretry", "3"],
        ["set", "sshd", "usedns", "no"],
        ["set", "sshd", "addfailregex", "denied <HOST>$"],
        ["set", "sshd", "delfailregex", "1"],
        ["set", "sshd", "banip", "192.0.2.77"],
        ["set", "sshd", "unbanip", "192.0.2.77"],
        ["get", "dbfile"],
    ]:
        peer = connect()
        ogrek(peer, words, protocol=1)
        reply = b""
        while not reply.endswith(END):
            reply += peer.recv(1)
        peer.close()
        reply = pickle.loads(reply)
        print(words, reply)
    query = "select jail, ip, data from bips order by jail, ip"
    for jail, host, data in sqlite3.connect(reply[1]).execute(query):
        print(jail, host, re.sub(r"\d\d:\d\d:\d\d", "TIME", re.sub(r"\d{4}-\d\d-\d\d", "DAY", data.decode())))


# --- Python


def talk(words, protocol, goodbye=False):
    peer = connect()
    peer.sendall(pickle.dumps(words, protocol) + END)
    reply = b""
    while not reply.endswith(END):
        piece = peer.recv(4096)
        if not piece:
            break
        reply += piece
    if goodbye:
        peer.sendall(CLOSE + END)
    peer.close()
    return pickle.loads(reply[: -len(END)])


def web_interfaces():
    """Small web interfaces in Python: protocol 0, 2 (with a goodbye) and Python's default."""
    for protocol, goodbye in (0, False), (2, True), (None, False):
        for words in [
            ["status"],
            ["status", "web-app"],
            ["set", "web-app", "banip", "192.0.2.33"],
            ["set", "web-app", "unbanip", "192.0.2.33"],
            ["set", "web-app", "unbanip", "192.0.2.34"],
            ["get", "web-app", "banip"],
        ]:
            print(protocol, words, talk(words, protocol, goodbye))


def api():
    """A Python class with a method for every command: numbers go as numbers, and commands of the client go to the
    server as they are."""
    for words in [
        ["set", "web-app", "findtime", 601],
        ["set", "web-app", "bantime", 3601],
        ["set", "web-app", "maxretry", 7],
        ["set", "web-app", "maxmatches", 8],
        ["set", "web-app", "maxlines", 1],
        ["set", "web-app", "idle", "on"],
        ["set", "web-app", "idle", "off"],
        ["set", "web-app", "ignoreself", "true"],
        ["set", "web-app", "usedns", "true"],
        ["set", "web-app", "ignorecache", 5],
        ["set", "web-app", "delfailregex", 3],
        ["set", "web-app", "action", "act", "timeout", 61],
        ["set", "web-app", "action", "act", "actionban", "echo <ip>"],
        ["set", "web-app", "attempt", "192.0.2.55", "line"],
        ["set", "web-app", "addlogpath", "/nonexistent", "tail"],
        ["set", "dbmaxmatches", 11],
        ["set", "dbpurgeage", 86401],
        ["set", "loglevel", 20],
        ["get", "loglevel"],
        ["set", "loglevel", "INFO"],
        ["get", "dbmaxmatches"],
        ["get", "dbpurgeage"],
        ["get", "web-app", "findtime"],
        ["get", "web-app", "banip", "--with-time"],
        ["banned", "192.0.2.1", "192.0.2.2"],
        ["unban", "192.0.2.1"],
        ["unban"],
        ["restart"],
        ["reload"],
        ["reload", "sshd"],
        ["start"],
        ["start", "nosuch"],
        ["help"],
        ["flushlogs"],
    ]:
        print(words, plain(talk(words, None)))


def collectd():
    """collectd's plugin is fail2ban's own class for the socket."""
    from fail2ban.client.csocket import CSocket

    peer = CSocket(SOCKET)
    for words in ["ping"], ["status"], ["status", "sshd"], ["get", "sshd", "banip"], ["status", "nosuch"]:
        print(words, peer.send(words))
    peer.close()


# --- programs that run fail2ban-client


def client(*words):
    run = subprocess.run(["fail2ban-client", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return run.stdout.decode(), run.returncode


def telegraf():
    """Telegraf's input fail2ban."""
    status, code = client("status")
    (line,) = [line for line in status.split("\n") if "Jail list:" in line]
    for jail in line[line.rindex("Jail list:") + 10 :].strip().split(", "):
        fields = {}
        for line in client("status", jail)[0].split("\n"):
            for target, field in ("Currently failed:", "failed"), ("Currently banned:", "banned"):
                if target in line:
                    fields[field] = int(line[line.rindex(target) + len(target) :].strip())
        print("telegraf", code, jail, "fields", fields)


def netdata_go():
    """Netdata's collector in Go: a jail that went away is known by the first words of the output."""
    for words in ["status"], ["status", "sshd"], ["status", "nosuch"]:
        print("netdata", client(*words))


def zabbix():
    """User parameters that circulate for Zabbix."""
    for command in [
        r"""fail2ban-client status | grep 'Jail list:' | sed -e 's/^.*:\W\+//' -e 's/\(\(\w\|-\)\+\)/{"{#JAIL}":"\1"}/g' -e 's/.*/{"data":[\0]}/'""",
        r"fail2ban-client status sshd | grep 'Currently banned:' | grep -E -o '[0-9]+'",
        r'fail2ban-client status | grep -w "Jail list:" | cut -f2 | sed s/,//g',
    ]:
        print("zabbix", subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE).stdout.decode())


def exporters():
    """Exporters in Python (Kylapaallikko's, jangrewe's): regexes over the whole output."""
    found = re.compile(r"\s([a-zA-Z\s]+):\t([a-zA-Z0-9-,\s]+)\n")
    jails = re.search(r"Jail list:\s*([a-z\-, ]*)\n", client("status")[0]).group(1)
    for jail in jails.split(", "):
        print("exporter", jail, found.findall(client("status", jail)[0]))


def importers():
    """Programs that ban from lists (fail2ban-importer): the output is 1, or 0 for one that is banned already."""
    for host in "192.0.2.200", "192.0.2.200", "2001:db8::200", "nonsense":
        print("importer", host, client("set", "sshd", "banip", host))


for replay in (
    exporter, exporter_database, dashboard, fail2go, web_interfaces, collectd, telegraf, netdata_go, zabbix, exporters,
    importers, api,
):
    print("===", replay.__name__)
    replay()
