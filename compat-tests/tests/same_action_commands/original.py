# Runs the stock actions of the original for some tickets and prints every command, one JSON string a line;
# writes the same input for ferroban's example of the same purpose.
#   original.py CONFIGURATION INPUT.json
import json, logging, os, sys

from fail2ban.client.actionreader import ActionReader
from fail2ban.server import action, actions, asyncserver, ipdns, mytime
from fail2ban.server.ticket import BanTicket
from fail2ban.tests.dummyjail import DummyJail

configuration, target = sys.argv[1:]
evil = "\\#&;`touch canary`|*?~<ip>^()[]{}$(touch canary)';touch canary;'\";touch canary;\"\r\n<F-USER> \\';touch canary;\\'"
tickets = [
    {"id": "192.0.2.1", "time": 1600000000.5, "restored": False, "bancount": 0, "failures": 3,
     "matches": ["plain line", "user " + evil], "data": {"user": evil, "host-name": "a b", "ip4": "192.0.2.1"}},
    {"id": "2001:db8::1", "time": 1600000001, "restored": True, "bancount": 2, "failures": 1,
     "matches": [evil, evil], "data": {"user": "simple", "x": evil}},
    {"id": "some " + evil, "time": 1600000002.0, "restored": False, "bancount": 0, "failures": 5,
     "matches": [], "data": {}},
]
# Parameters without which an action makes no sense or writes where it should not.
parameters = {
    "hostsdeny": {"file": "hosts.deny"}, "dummy": {"target": "dummy.out"},
    "nginx-block-map": {"srv_cfg_path": "./", "blck_lst_file": "blocked.map"},
    "nftables": {"type": "multiport"},
    "firewallcmd-ipset": {"ipsetbackend": "ipset"},
    "xarf-login-attack": {"mailcmd": "sendmail"},
}
names = sorted(f[:-5] for f in os.listdir(os.path.join(configuration, "action.d")) if f.endswith(".conf"))
stock = []
for name in names:
    options = dict(parameters.get(name, {}), port="ssh,80", protocol="tcp")
    if name.startswith("sendmail"):
        # By its name, so that it is found among the test's own programs. At its usual path there may be none, and then
        # how far a script comes that writes to it twice depends on when it notices.
        options["mailcmd"] = 'sendmail -f "<sender>" "<dest>"'
    reader = ActionReader(name, name, options, basedir=configuration)
    reader.read()
    reader.getOptions({})
    properties = []
    for command in reader.convert():
        if command[0] == "multi-set":
            properties += command[4]
        elif command[2] == "action":
            properties.append(command[4:])
    stock.append([name, properties])
with open(target, "w") as file:
    json.dump({"actions": stock, "tickets": tickets, "hostname": "box.example.com"}, file)

ipdns.DNSUtils.getHostname = staticmethod(lambda fqdn=True: "box.example.com")
ipdns.DNSUtils.ipToName = staticmethod(lambda ip: "host-of-" + ip)
ipdns.DNSUtils.IPv6IsAllowed = action.allowed_ipv6 = staticmethod(lambda: True)


class Printer(logging.Handler):
    def emit(self, record):
        if record.name == "fail2ban.action" and record.levelno == 9:
            print(json.dumps(record.getMessage()), flush=True)
        elif record.levelno >= logging.INFO and record.name != "fail2ban.utils":
            print(record.levelname, record.getMessage(), file=sys.stderr)


logging.getLogger("fail2ban").handlers = [Printer()]
logging.getLogger("fail2ban").setLevel(5)


def ticket_of(data):
    ticket = BanTicket(data["id"], data["time"], data["matches"], dict(data["data"], failures=data["failures"]))
    ticket.setBanCount(data["bancount"])
    ticket.restored = data["restored"]
    return ticket


for name, properties in stock:
    print(json.dumps("# " + name), flush=True)
    jail = DummyJail(name)
    jail.actions.setBanTime(600)
    jail.actions.add(name)
    for key, value in properties:
        setattr(jail.actions[name], key, value)
    one = jail.actions[name]

    def guarded(what):
        try:
            what()
        except Exception as error:
            print("ERROR", error, file=sys.stderr)

    def ban(ticket):
        if not (ticket.restored and getattr(one, "norestored", False)):
            guarded(lambda: one.ban(jail.actions._getActionInfo(ticket)))

    all_tickets = [ticket_of(data) for data in tickets]
    guarded(one.start)
    for ticket in all_tickets:
        ban(ticket)
    for ticket in all_tickets:
        if one._prolongable and not (ticket.restored and getattr(one, "norestored", False)):
            guarded(lambda: one.prolong(jail.actions._getActionInfo(ticket)))
    for ticket in all_tickets:
        guarded(lambda: one.unban(jail.actions._getActionInfo(ticket)))
    for ticket in all_tickets:
        ban(ticket)
    if one.actionflush:
        guarded(one.flush)
    else:
        for ticket in all_tickets[:1]:
            guarded(lambda: one.unban(jail.actions._getActionInfo(ticket)))
    guarded(one.stop)
