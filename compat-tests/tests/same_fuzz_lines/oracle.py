"""Runs fail2ban-regex again and again, each time in a fork, so that no run sees what another has cached.

Reads jobs, one JSON list a line, and answers each with a line of JSON:
  ["run", SECONDS, ARGUMENT…]              exit status (null: took longer) and standard output
  ["examples", SEED, COUNT, ARGUMENT…]     lines that the regexes of these arguments were made for
"""
import io, json, os, random, re, signal, sys, tempfile, time, traceback, warnings

warnings.simplefilter("ignore")
import sre_constants as sre
import sre_parse
from fail2ban.client import fail2banregex

fail2banregex.usage = lambda: "PROGRAM [OPTIONS] <LOG> <REGEX> [IGNOREREGEX]"


def forked(work, seconds):
    """Exit status and standard output of `work` in a process of its own."""
    with tempfile.TemporaryFile() as out:
        child = os.fork()
        if child == 0:
            signal.alarm(seconds)
            os.dup2(out.fileno(), 1)
            sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8", "surrogateescape")
            code = 1
            try:
                code = work() or 0
            except SystemExit as exit:
                code = exit.code
            except BaseException as error:
                print(traceback.format_exception_only(type(error), error)[-1].strip())
            sys.stdout.flush()
            os._exit(code)
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        code = None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return code, out.read().decode("utf-8", "replace")


ADDRESSES = {
    "ip4": ["192.0.2.7", "198.51.100.200", "203.0.113.255"],
    "ip6": ["2001:db8::7", "2001:DB8:0:0:0:0:0:8", "::ffff:192.0.2.9", "fe80::1"],
    "dns": ["localhost", "192.0.2.8", "host.invalid"],
}
WORDS = ["root", "user", "login", "error", "Failed", "from", "42", "127.0.0.1", "é", "a b", '"x"', "8.8.8.8"]


class Example:
    """A text that a regex was made for, mostly: what it must not contain, and how far it looks, is not considered."""

    def __init__(self, dice, content=None):
        self.dice, self.content, self.groups, self.names = dice, content, {}, {}

    def of(self, regex):
        self.names = {number: name for name, number in regex.groupindex.items()}
        return self.sequence(sre_parse.parse(regex.pattern, regex.flags & ~re.DEBUG))

    def sequence(self, parsed):
        return "".join(self.item(kind, value) for kind, value in parsed)

    def item(self, kind, value):
        dice = self.dice
        if kind is sre.LITERAL:
            return chr(value)
        if kind is sre.NOT_LITERAL:
            return dice.choice([c for c in "ax7 .:-" if c != chr(value)])
        if kind is sre.ANY:
            return dice.choice("ax7 .:-]\"'é")
        if kind is sre.IN:
            return self.one_of(value)
        if kind is sre.BRANCH:
            return self.sequence(dice.choice(value[1]))
        if kind is sre.SUBPATTERN:
            return self.group(value[0], value[-1])
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, getattr(sre, "POSSESSIVE_REPEAT", None)):
            return self.repeat(*value)
        if kind is getattr(sre, "ATOMIC_GROUP", None):
            return self.sequence(value)
        if kind is sre.GROUPREF:
            return self.groups.get(value, "")
        if kind is sre.GROUPREF_EXISTS:
            return self.sequence(value[1] if value[0] in self.groups else value[2] or [])
        return ""

    def one_of(self, members):
        inverted = members[0][0] is sre.NEGATE
        known = [c for c in "aex7 .:-_]\"'/=é\t" if self.holds(members, c) != inverted]
        if known:
            return self.dice.choice(known)
        first = members[0][1]
        return "?" if inverted else chr(first[0] if isinstance(first, tuple) else first)

    @staticmethod
    def holds(members, char):
        test = {
            sre.CATEGORY_DIGIT: str.isdigit, sre.CATEGORY_SPACE: str.isspace,
            sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
            sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(), sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
            sre.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
        }
        for kind, value in members:
            if (kind is sre.LITERAL and ord(char) == value
                    or kind is sre.RANGE and value[0] <= ord(char) <= value[1]
                    or kind is sre.CATEGORY and test[value](char)):
                return True
        return False

    def repeat(self, least, most, inner):
        most = min(most, least + 4)
        if least == 0 and self.dice.random() < 0.3:
            return ""
        free = len(inner) == 1 and inner[0][0] in (sre.ANY, sre.NOT_LITERAL)
        if free and most > 1 and self.dice.random() < 0.7:
            return self.dice.choice(WORDS)
        return "".join(self.sequence(inner) for _ in range(self.dice.randint(least, most)))

    def group(self, number, inner):
        name = self.names.get(number, "")
        if name in ADDRESSES:
            text = self.dice.choice(ADDRESSES[name])
        elif name == "content" and self.content is not None:
            text = self.content
        else:
            text = self.sequence(inner)
        self.groups[number] = text
        return text


def examples(seed, count, args):
    """Prints lines that the regexes of these arguments were made for, as JSON."""
    dice = random.Random(seed)
    opts, words = fail2banregex.get_opt_parser().parse_args(args)
    fail2banregex.output = lambda text: None
    tool = fail2banregex.Fail2banRegex(opts)
    if not tool.readRegex(words[1], "fail"):
        return 1
    tester, lines = tool._filter, []
    regexes = [regex._regexObj for regex in tester._Filter__failRegex + tester._Filter__ignoreRegex]
    dates = [template.template.regex for template in tester.dateDetector.templates] if tester.dateDetector else []
    for _ in range(count if regexes else 0):
        line = Example(dice).of(dice.choice(regexes))
        if tester.prefRegex:
            line = Example(dice, line).of(tester.prefRegex._regexObj)
        kind = dice.random()
        if dates and kind < 0.5:
            line = Example(dice).of(re.compile(dice.choice(dates))) + line
        elif kind < 0.9:
            form = dice.choice(["%Y-%m-%d %H:%M:%S ", "%b %d %H:%M:%S ", "[%d/%b/%Y:%H:%M:%S +0000] ", "%Y-%m-%dT%H:%M:%SZ "])
            line = time.strftime(form, time.gmtime(1100000000 + dice.randrange(100000000))) + line
        lines.append(line.replace("\n", dice.choice(["", "\\n", "\n"])))
    print(json.dumps(lines))


for line in sys.stdin:
    job = json.loads(line)
    if job[0] == "run":
        answer = forked(lambda: fail2banregex.exec_command_line(job[2:]), job[1])
    else:
        code, out = forked(lambda: examples(job[1], job[2], job[3:]), 20)
        answer = json.loads(out) if code == 0 and out else []
    print(json.dumps(answer), flush=True)
