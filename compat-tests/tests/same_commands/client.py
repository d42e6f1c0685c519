"""The genuine client, many times in one process: for every line of JSON (arguments) that comes in, one line of JSON
(output, errors, exit status) goes out. Each run is a process of its own, forked after the imports."""
import json
import os
import sys
import tempfile

from fail2ban.client.fail2banclient import exec_command_line


def run(arguments):
    files = [tempfile.TemporaryFile() for _ in range(2)]
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for number, file in enumerate(files, 1):
                os.dup2(file.fileno(), number)
            exec_command_line(["fail2ban-client"] + arguments)
        except SystemExit as exit:
            status = exit.code
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    for file in files:
        file.seek(0)
    texts = [file.read().decode("utf-8", "replace") for file in files]
    return texts + [os.waitstatus_to_exitcode(status)]


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
