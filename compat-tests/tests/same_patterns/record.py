import contextlib, io, json, os, re, runpy, sys, warnings

warnings.simplefilter("ignore")
root = sys.argv[1]
import fail2ban.setup
from fail2ban.server import failregex

fail2ban.setup.updatePyExec = lambda *args, **options: None
expressions, texts = {}, {}
Regex = failregex.Regex
original_init, original_search = Regex.__init__, Regex.search


def init(self, *args, **options):
    original_init(self, *args, **options)
    expressions[self._regexObj.pattern, self._regexObj.flags & ~re.UNICODE] = self._regexObj


def search(self, lines, original_lines=None):
    texts[lines if isinstance(lines, str) else Regex._tupleLinesBuf(lines)] = True
    return original_search(self, lines, original_lines)


Regex.__init__, Regex.search = init, search
sys.argv = ["fail2ban-testcases", "--no-network", "testSampleRegexs"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    runpy.run_path(os.path.join(root, "usr/bin/fail2ban-testcases"), run_name="__main__")
Regex.search = original_search


def plain(flags):
    return int(flags) & (re.M | re.S | re.X | re.A)


patterns = []
for (pattern, flags), compiled in expressions.items():
    found = ((i, compiled.search(text)) for i, text in enumerate(texts))
    matches = [(i, match.regs) for i, match in found if match]
    # a leading (?i) is among the flags of the compiled pattern, and read again from its text
    patterns.append((pattern, plain(flags), matches))
json.dump({"subjects": list(texts), "patterns": patterns}, sys.stdout)
