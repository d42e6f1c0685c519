# Reads patterns with subjects, one JSON list a line; answers with what Python's re says.
import json, re, signal, sys, warnings

warnings.simplefilter("ignore")


class Late(Exception):
    pass


def late(*_):
    raise Late


signal.signal(signal.SIGALRM, late)


def answer(pattern, flags, subjects):
    try:
        compiled = re.compile(pattern, flags)
    except re.error as error:
        return "E" + str(error)
    except (OverflowError, ValueError, RecursionError) as error:
        return "E" + str(error)
    return [search(compiled, subject) for subject in subjects]


def search(compiled, subject):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            match = compiled.search(subject)
            return match.regs if match else None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (Late, SystemError):
        return 0


for line in sys.stdin:
    requests = json.loads(line)
    answers = [answer(*request) for request in requests]
    print(json.dumps(answers, separators=(",", ":")), flush=True)
