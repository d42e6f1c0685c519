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
    found = []
    for subject in subjects:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            match = compiled.search(subject)
            found.append(match.regs if match else None)
        except (Late, SystemError):
            found.append(0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return found


for line in sys.stdin:
    requests = json.loads(line)
    answers = [answer(*request) for request in requests]
    print(json.dumps(answers, separators=(",", ":")), flush=True)
