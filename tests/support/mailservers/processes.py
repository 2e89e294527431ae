"""A server is a session of processes: whatever it starts stays in it, so that all of it can be ended together."""
import os
import signal
import socket
import subprocess
import time


def session_file(directory):
    return f'{directory}/session'


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the program's name: state, parent, group, session, …; or None."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return file.read().rsplit(')', 1)[1].split()
    except OSError:
        return None


def started_at(pid):
    fields = stat_fields(pid)
    return fields[19] if fields else None


def launch(command, directory, environment):
    """Starts the server in a session of its own, in `directory`. Its output goes to start.log: the server outlives
    us and must not hold our caller's pipes open."""
    with open(f'{directory}/start.log', 'w', encoding='utf-8') as log:
        process = subprocess.Popen(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, start_new_session=True)
    with open(session_file(directory), 'w', encoding='ascii') as file:
        file.write(f'{process.pid} {started_at(process.pid)}\n')
    return process


def leader(directory):
    """The process that began the session, running or gone; 0: there was none, or its number is somebody else's."""
    try:
        with open(session_file(directory), encoding='ascii') as file:
            pid, start = file.read().split()
    except (OSError, ValueError):
        return 0
    return int(pid) if started_at(pid) in (start, None) else 0


def members(directory):
    session = leader(directory)
    if not session:
        return []
    found = []
    for name in os.listdir('/proc'):
        fields = stat_fields(name) if name.isdigit() else None
        if fields and fields[0] != 'Z' and int(fields[3]) == session:
            found.append(int(name))
    return found


def send(pids, how):
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass  # It has ended meanwhile.


def kill(directory):
    """SIGKILL to all of it, and to what it starts meanwhile; the youngest first, so that no one lives to see its parent,
    and what that answers for, gone."""
    while pids := members(directory):
        send(sorted(pids, reverse=True), signal.SIGKILL)


def stop(directory):
    """SIGTERM to the first process, which ends the others; SIGKILL to what remains, like those that wait for clients."""
    first = leader(directory)
    if first in members(directory):
        send([first], signal.SIGTERM)
        wait_until(lambda: first not in members(directory), 15)
        wait_until(lambda: not members(directory), 1)
    kill(directory)


def greets(host, port):
    try:
        with socket.create_connection((host, port), 1) as connection:
            connection.settimeout(2)
            return connection.recv(200).startswith(b'* OK')
    except OSError:
        return False


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
