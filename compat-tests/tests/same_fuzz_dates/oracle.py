"""Prints jobs, each a date detector's settings and the lines of a log, with what the original makes of them.

Arguments: seed, number of jobs.
"""
import calendar, datetime, json, logging, os, random, re, sys, time

from fail2ban.server import datedetector
from fail2ban.server.datedetector import DateDetector, DateDetectorCache
from fail2ban.server.mytime import MyTime

logging.disable(logging.CRITICAL)
DEFAULTS = list(DateDetectorCache.DEFAULT_TEMPLATES)
dice = random.Random(int(sys.argv[1]))
chance = lambda probability: dice.random() < probability

MONTHS, LONG_MONTHS = calendar.month_abbr, calendar.month_name
DAYS, LONG_DAYS = calendar.day_abbr, calendar.day_name
# without %Exk and %Exl, whose names differ from run to run of the original
CUSTOM = [
    r"^[^\[]*\[({DATE})", r"{^LN-BEG}%ExY-%m-%d", r"{^LN-BEG}", r"{NONE}", r"^L %d/%m/%Y - %H:%M:%S",
    r"\d\d \w{3}, %d %b %Y %H:%M:%S", r"^(?:%a )?%b %d %H:%M:%S(?: %Y)?", r"%Y-%m-%d %H:%M:%S(?:\.%f)?(?: %Z)?",
    r"%Exy%Exm%Exd", r"(?P<d>\w+) %b", r"%Y %U %A", r"%y %W %w", r"%Y-%j %X", r"%x %X", r"%c", r"%B %d %I:%M %p",
    r"%H:%M %p", r"%I:%M(?: %p)?", r"%m/%d", r"%Y-%m-%d{UNB}", "{UNB}%Y%m%d", r"%Y-%m-%d %H:%M:%S ?%Exz",
    r"%ExZ %d.%m.%Y", "LEPOCH", "^EPOCH", r"\[{EPOCH}\]", r"(\w+) {LEPOCH}", "{DATE} -", r"%d.%m.%Y %H:%M:%S$",
    r"**%H%M**", r"%G-%V-%u", r"%d %b", "%k:%M", "%l %p %d/%b", r"(?:%k|%l):%M %Y", "%q", "100%", "(%Y", "%Y(",
]
ZONES = [
    "CET-01CEST-02,M3.5.0,M10.5.0", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC",
    "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia", "EST5EDT", "Asia/Tehran", "<+0330>-3:30", "",
]
BEFORE = ["", "", "", "", "[", "<<", "bogus ", "sshd[12]: ", "é ", "a1", "10.0.0.1 - - [", "word", "# ", "日本 "]
AFTER = [
    " sshd[1]: Failed", "", "]", " x 2003-03-07 17:05:01 y", " -", "é", " 2014 foo", "x", "]: a", "12",
    " 030324  0:03:59 z", "\u0661", " server mysqld: 030916 21:30:26 [W]", "\n", " +0100", ".5",
]
LETTERS = ["ExZ", "Exz", "Exd", "Exm", "ExH", "Exk", "Exl", "ExM", "ExS", "ExY", "Exy"] + list("YymdHMSfbBaAjUWwuVGzZcxX%kIlp")


def offset():
    hours, minutes = "%02d" % dice.randrange(20), "%02d" % dice.randrange(60)
    return dice.choice("+-") + hours + dice.choice(["", minutes, ":" + minutes, "00"])


def field(letters, moment):
    """Text that a directive should match, mostly."""
    if chance(0.04):
        moment = list(moment)
        moment[dice.randrange(6)] += dice.choice([1, -1, 30, 60, 100, 12])
    year, month, day, hour, minute, second = moment[:6]
    day, name = max(day, 0), (month - 1) % 12 + 1
    two = lambda number: dice.choice(["%02d" % number] * 9 + ["%d" % number])
    clock = "%02d:%02d:%02d" % (hour, minute, second)
    short = letters[2:] if letters.startswith("Ex") and letters not in ("ExZ", "Exz") else letters
    if letters.startswith("Ex") and short in "dmHMS":
        two = lambda number: "%02d" % number
    return {
        "Y": lambda: "%04d" % year, "y": lambda: "%02d" % (year % 100), "m": lambda: two(month),
        "d": lambda: dice.choice([two(day), "%2d" % day]), "H": lambda: two(hour),
        "k": lambda: dice.choice([two(hour), "%2d" % hour]), "l": lambda: "%d" % (hour % 12 or 12),
        "I": lambda: "%02d" % (hour % 12 or 12), "p": lambda: dice.choice(["AM", "PM", "am", "pM"]),
        "M": lambda: two(minute), "S": lambda: two(second),
        "f": lambda: str(dice.randrange(10 ** dice.randrange(1, 8))),
        "b": lambda: dice.choice([MONTHS[name]] * 5 + [MONTHS[name].upper()]), "B": lambda: LONG_MONTHS[name],
        "a": lambda: dice.choice(DAYS), "A": lambda: dice.choice(LONG_DAYS), "j": lambda: "%d" % dice.randrange(370),
        "U": lambda: "%02d" % dice.randrange(54), "W": lambda: "%d" % dice.randrange(54),
        "w": lambda: str(dice.randrange(8)), "u": lambda: "3", "V": lambda: "07", "G": lambda: "2005",
        "z": lambda: dice.choice([offset(), "Z", "UTC", "GMT", "utc", offset()]),
        "Z": lambda: dice.choice(["CET", "PST", "Z", "UTC", "QQQ", "cest", "GMT"]),
        "ExZ": lambda: dice.choice(["CET", "A", "XYZ", "AB"]),
        "Exz": lambda: dice.choice(["CET", "CEST" + offset(), offset(), "Q" + offset(), "abc"]), "%": lambda: "%",
        "c": lambda: "%s %s %2d %s %04d" % (dice.choice(DAYS), MONTHS[name], day, clock, year),
        "x": lambda: "%02d/%02d/%02d" % (month, day, year % 100), "X": lambda: clock,
    }[short]()


def plain(pattern):
    """A pattern with its choices made, so that only directives are left."""
    group = re.compile(r"\(\?:((?:[^()\\]|\\.)*)\)(\??)")
    choose = lambda m: "" if m.group(2) and chance(0.5) else dice.choice(m.group(1).split("|"))
    for _ in range(10):
        pattern = group.sub(choose, pattern, count=1)
    separator = dice.choice("-/.")
    other = lambda m: separator if chance(0.95) else dice.choice("-/.")
    pattern = re.sub(r"\(\?P<_sep>[^)]*\)|\(\?P=_sep\)", other, pattern)
    for text, choices in {
        "[.,]": ".,", "[ :]?": [" ", ":", ""], "  ?": [" ", "  "], ":?": [":", ""], r"\s*": ["", " ", "  ", "\t"],
        r"\.": ".", " ?": ["", " "], r"(?P<d>\w+)": ["%d"], "\\": [""],
    }.items():
        pattern = pattern.replace(text, dice.choice(choices))
    return pattern


def render(pattern, moment, unix):
    """Text that a pattern should match, mostly."""
    upper = pattern.upper()
    if "EPOCH" in upper and "%" not in pattern:
        numbers = [unix, unix * 1000, unix * 1000000, unix // 100, "%d.%03d" % (unix, dice.randrange(1000))]
        number = str(dice.choice(numbers))
        if "{" in pattern and "^LN" not in pattern:
            return re.sub(r"\{L?EPOCH\}", number, pattern).replace("\\", "").replace("(w+)", "abc")
        return dice.choice(["%s", "%s", "[%s]", "audit(%s:99)"]) % number
    if "TAI64N" in upper:
        return "@4%015x%08x" % (unix, dice.randrange(2**32))
    if "{NONE}" in upper:
        return ""
    if "{DATE}" in upper:
        inner = render(dice.choice(DEFAULTS), moment, unix)
        outer = pattern.replace(r"^[^\[]*\[(", "x 1.2.3.%d [" % dice.randrange(256))
        return outer.replace("{DATE}", inner).replace("\\", "")
    text = pattern.replace("{^LN-BEG}", "").replace("{UNB}", "").replace("**", "").lstrip("^").rstrip("$")
    directive = re.compile("%(" + "|".join(map(re.escape, LETTERS)) + ")")
    return directive.sub(lambda m: field(m.group(1), moment), plain(text))


def patterns():
    kind = dice.random()
    if kind < 0.35:
        return []
    if kind < 0.45:
        return ["{^LN-BEG}"]
    if kind < 0.6:
        return ["{^LN-BEG}" + dice.choice(["EPOCH", "%ExY-%m-%d"] + DEFAULTS[:7]), "{^LN-BEG}"]
    chosen = [dice.choice(DEFAULTS + CUSTOM + CUSTOM) for _ in range(dice.choice([1, 1, 1, 2, 3]))]
    bound = lambda p: "{^LN-BEG}" + p if chance(0.2) and not p.startswith(("{", "^", "*")) else p
    return (["{DEFAULT}"] if chance(0.1) else []) + [bound(pattern) for pattern in chosen]


def clock():
    year = dice.randrange(2003, 2030)
    new_year = calendar.timegm((year, 1, 1, 0, 0, 0)) + dice.randrange(-90000, 90000)
    leap_day = calendar.timegm((year, dice.choice([2, 3]), 28, 12, 0, 0)) + dice.randrange(-90000, 90000)
    anytime = dice.randrange(1000000000, 1900000000)
    return dice.choice([anytime, anytime, 1124013600, new_year, leap_day]) + dice.choice([0, 0.5])


def lines(given, now):
    base = dice.choice([now, now, now - dice.randrange(400 * 86400), dice.randrange(950000000, 1900000000)])
    if chance(0.3):
        # the months in which clocks change
        base = calendar.timegm((dice.randrange(2001, 2029), dice.choice([3, 4, 10, 11]), dice.randrange(1, 31), 0, 30, 0))
    sources = [p for p in given if p not in ("{DEFAULT}", "{^LN-BEG}")] or DEFAULTS
    length, log = dice.choice([5, 30, 60]), []
    while len(log) < length:
        pattern = dice.choice(sources if chance(0.85) else DEFAULTS)
        before, after, step = dice.choice(BEFORE), dice.choice(AFTER), dice.choice([0, 0, 1, 600, 1800, 3600, 86400])
        for _ in range(dice.choice([1, 1, 2, 5, 12])):
            base += step
            line = before + render(pattern, time.gmtime(base), int(base)) + after
            if line and chance(0.05):
                at = dice.randrange(len(line))
                line = line[:at] + dice.choice("0123456789 :-/[]xé") + line[at + dice.randrange(2):]
            log.append(line)
            before = dice.choice(BEFORE) if chance(0.1) else before
            after = dice.choice(AFTER) if chance(0.1) else after
    return log


def dated(detector, line):
    try:
        match, template = detector.matchTime(line)
    except Exception as error:
        return ["raises", type(error).__name__]
    if match is None:
        return None
    start, end = match.span(1)
    try:
        moment = template.getDate(line, match, default_tz=detector.default_tz)[0]
    except ValueError:
        moment = "invalid"
    except Exception as error:
        moment = type(error).__name__
    hits = [entry.hits for entry in detector.templates if entry.template is template][0]
    return [line[:start], line[start:end], match.group(), template.name, hits, moment]


def answer(job):
    # a new process: no templates yet, and the C library's last offset is that of UTC
    datedetector.DD_patternCache.clear()
    DateDetectorCache.DEFAULT_TEMPLATES = list(DEFAULTS)
    DateDetector._defCache = DateDetectorCache()
    os.environ["TZ"] = "UTC"
    time.tzset()
    time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, -1))
    os.environ["TZ"] = job["zone"]
    time.tzset()
    MyTime.setTime(job["now"])
    detector, errors = DateDetector(), []
    for pattern in job["patterns"]:
        try:
            detector.appendTemplate(pattern)
        except Exception as error:
            errors.append(str(error))
    try:
        detector.default_tz = job["tz"]
    except Exception as error:
        errors.append(str(error))
    found = [dated(detector, line) for line in job["lines"]]
    shown = lambda t: [t.template.name, getattr(t.template, "pattern", None), t.template.regex, t.hits]
    return {"errors": errors, "found": found, "templates": [shown(t) for t in detector.templates]}


for _ in range(int(sys.argv[2])):
    now, given = clock(), patterns()
    job = {
        "patterns": given, "lines": lines(given, now), "zone": dice.choice(ZONES), "now": now,
        "tz": dice.choice([None, None, None, "UTC", "CET+0130", "-04:30", "A", "ABC", ""]),
        "year": datetime.datetime.now().year,
    }
    print(json.dumps({"job": job, "answer": answer(job)}))
