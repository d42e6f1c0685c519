# Runs one Python action for ferroban: requests and answers are lines of JSON on stdin and stdout.
#
# The action sees the modules of fail2ban that such actions import; where the real package is installed, its
# other modules are there too.
import importlib.machinery
import importlib.util
import json
import logging
import os
import sys
import types
from collections.abc import MutableMapping

replies = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
# What the action prints must not be taken for an answer.
os.dup2(2, 1)


def tell(message):
    replies.write(json.dumps(message, default=str) + "\n")


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


class ToServer(logging.Handler):
    def emit(self, record):
        tell({"log": [record.levelno, record.name, record.getMessage()]})


def get_logger(name):
    if "." in name:
        name = "fail2ban.%s" % name.rpartition(".")[-1]
    return logging.getLogger(name)


class CallingMap(MutableMapping):
    def __init__(self, *args, **kwargs):
        self.data = dict(*args, **kwargs)

    def __getitem__(self, key):
        value = self.data[key]
        return value() if callable(value) else value

    def __setitem__(self, key, value):
        self.data[key] = value

    def __delitem__(self, key):
        del self.data[key]

    def __iter__(self):
        return iter(self.data)

    def __len__(self):
        return len(self.data)

    def copy(self):
        return CallingMap(self.data)


class ActionInfo(CallingMap):
    """The tags of a ticket, asked of the server when they are needed."""

    def __init__(self, tags):
        super().__init__((tag, lambda tag=tag: self.ask(tag)) for tag in tags)

    def ask(self, tag):
        tell({"want": tag})
        self.data[tag] = read()
        return self.data[tag]


class ActionBase:
    def __init__(self, jail, name):
        self._jail = jail
        self._name = name
        self._logSys = get_logger("fail2ban.%s" % type(self).__name__)

    def start(self):
        pass

    def stop(self):
        pass

    def ban(self, aInfo):
        pass

    def reban(self, aInfo):
        return self.ban(aInfo)

    def unban(self, aInfo):
        pass


class Actions:
    bantime = 600

    def getBanTime(self):
        return self.bantime


class Jail:
    database = None

    def __init__(self, name):
        self.name = name
        self.actions = Actions()

    def __repr__(self):
        return "Jail(%r)" % self.name


def provide(name, **content):
    module = types.ModuleType(name)
    real = None
    try:
        real = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        pass
    if name.count(".") < 2:
        module.__path__ = list(real.submodule_search_locations or []) if real else []
    module.__dict__.update(content)
    return module


def provide_all():
    base = {"ActionBase": ActionBase, "CallingMap": CallingMap}
    modules = [
        provide("fail2ban"),
        provide("fail2ban.server"),
        provide("fail2ban.server.action", **base),
        provide("fail2ban.server.actions", **base),
        provide("fail2ban.helpers", getLogger=get_logger),
    ]
    for module in modules:
        sys.modules[module.__name__] = module
        parent, _, child = module.__name__.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


def load(path, jail, name, options):
    loader = importlib.machinery.SourceFileLoader(os.path.splitext(os.path.basename(path))[0], path)
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    if not hasattr(module, "Action"):
        raise RuntimeError("%s module does not have 'Action' class" % path)
    if not all(callable(getattr(module.Action, m, None)) for m in ("start", "stop", "ban", "reban", "unban")):
        raise RuntimeError("%s module %s does not implement required methods" % (path, module.Action.__name__))
    return module.Action(jail, name, **options)


def public(action, methods):
    return [n for n in dir(action) if not n.startswith("_") and callable(getattr(action, n)) == methods]


def perform(action, jail, request):
    what = request["do"]
    if "bantime" in request:
        jail.actions.bantime = request["bantime"]
    if what == "ticket":
        getattr(action, request["method"])(ActionInfo(request["tags"]))
        return None
    if what == "call":
        return getattr(action, request["method"])(**request["arguments"])
    if what == "get":
        return getattr(action, request["name"])
    if what == "set" and callable(getattr(action, request["name"], None)):
        return getattr(action, request["name"])(**json.loads(request["value"]))
    if what == "set":
        setattr(action, request["name"], request["value"])
        return getattr(action, request["name"])
    return public(action, what == "methods")


def main():
    logging.getLogger("fail2ban").handlers = [ToServer()]
    provide_all()
    first = read()
    logging.getLogger("fail2ban").setLevel(first["level"])
    jail = Jail(first["jail"])
    action = None
    request = first
    while True:
        try:
            if action is None:
                action = load(first["path"], jail, first["name"], first["options"])
                tell({"ok": first["name"]})
            else:
                tell({"ok": perform(action, jail, request)})
        except Exception as error:
            tell({"error": [type(error).__name__, str(error)]})
            if action is None:
                return
        request = read()


main()
