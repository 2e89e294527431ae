"""The ground that is measured on: private Dovecot servers, a long line in front of them, seeded mailboxes."""
import contextlib
import dataclasses
import fcntl
import importlib.machinery
import importlib.util
import math
import os
import secrets
import shutil
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'system'))
from stage import PASSWORD, ROOT, SUPPORT, free_ports, tool  # noqa: E402

INSTRUMENTS = os.environ.get('IMAPCOPY_BENCH_BIN', os.path.join(ROOT, 'build', 'release', 'bin'))
SEED = 2026


def compare_mail():
    """The comparison of tests/support/compare_mail, as a module: what the source holds is read only once."""
    path = os.path.join(SUPPORT, 'compare_mail')
    loader = importlib.machinery.SourceFileLoader('compare_mail', path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('compare_mail', loader))
    loader.exec_module(module)
    return module


COMPARE = compare_mail()


@dataclasses.dataclass(frozen=True)
class Profile:
    """Accounts that are alike, and how many of them are copied at a time."""
    messages: int  # In each account.
    megabytes: float  # The same.
    folders: int
    sigma: float
    accounts: int = 1
    options: tuple = ('--without-giant',)


PROFILES = {
    'small': Profile(2000, 62.4, 12, 1.5, options=()),
    'tiny': Profile(10000, 30.5, 20, 0.25),
    'large': Profile(300, 624, 3, 0.02),
    'many': Profile(100, 1.74, 8, 1.2, accounts=200),
}
AT_ONCE = 8


@dataclasses.dataclass(frozen=True)
class Side:
    """One account as a tool is told of it."""
    host: str
    port: int
    login: str
    ca_file: str  # Empty: no TLS.
    folder: str  # Of the server.

    @property
    def account(self):
        return f'{self.host}:{self.port}:{self.login}:{PASSWORD}'


@dataclasses.dataclass(frozen=True)
class Pair:
    source: Side
    destination: Side


def spread(folder):
    """Where there is ext4, each folder in `folder` comes to lie in another part of the disk.

    ext4 does not use the inode of a deleted file again for up to five minutes, and looks through all such inodes of
    the group for each new file: a program would pay for what an earlier one, or an earlier run, has left.
    """
    get_flags, set_flags, top_of_hierarchy = 0x80086601, 0x40086602, 0x20000  # ioctl_iflags(2): chattr +T
    handle = os.open(folder, os.O_RDONLY)
    try:
        flags = struct.unpack('l', fcntl.ioctl(handle, get_flags, bytes(8)))[0]
        fcntl.ioctl(handle, set_flags, struct.pack('l', flags | top_of_hierarchy))
    except OSError:
        pass  # Another file system.
    finally:
        os.close(handle)


class Line:
    """bench_line, and what it is told."""

    def __init__(self, targets):
        """`targets`: ports of servers."""
        self.ports = dict(zip(targets, free_ports(len(targets))))
        words = [word for target, port in self.ports.items() for word in ('--listen', str(port), '--to', str(target))]
        self.process = subprocess.Popen([f'{INSTRUMENTS}/bench_line', *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
        assert self.process.stdout.readline() == 'ready\n', 'bench_line does not run'

    def order(self, words):
        self.process.stdin.write(words + '\n')
        return self.process.stdout.readline().split()

    def set_round_trip(self, milliseconds):
        assert self.order(f'rtt {milliseconds}') == ['ok']

    def trips(self):
        """Round trips after the login, of each connection since the last call: {server's port: [trips, …]}."""
        words = list(map(int, self.order('trips')))
        targets = {port: target for target, port in self.ports.items()}
        found = {target: [] for target in self.ports}
        for port, trips in zip(words[::2], words[1::2]):
            found[targets[port]].append(trips)
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Ground:
    """Everything lives below `work`. One source, and one destination for each kind of storage."""

    def __init__(self, work, storages, tls):
        self.work, self.tls = work, tls
        self.snapshots = {}
        self.copies = 0
        self.word = secrets.token_hex(3)  # No two runs have accounts of the same names: see spread().
        os.chmod(work, 0o755)
        self.servers = ['source', *storages]
        self.line = None
        ports = free_ports(2 * len(self.servers))
        self.ports = dict(zip(self.servers, zip(ports[::2], ports[1::2])))  # Without TLS, and with it.
        try:
            for server, (port, tls_port) in self.ports.items():
                storage = 'maildir' if server == 'source' else server
                tool('mailserver', 'start', '--dir', f'{work}/{server}', '--port', port, '--tls-port', tls_port,
                     '--storage', storage)
                spread(f'{work}/{server}/home')
            self.line = Line([pair[tls] for pair in self.ports.values()])
        except BaseException:
            self.close()
            raise

    def close(self):
        """All of it, even if a part is broken."""
        with contextlib.ExitStack() as last_first:
            last_first.callback(shutil.rmtree, self.work)
            for server in self.servers:
                last_first.callback(tool, 'mailserver', 'stop', '--dir', f'{self.work}/{server}', check=False)
            if self.line:
                last_first.callback(self.line.close)

    def plain(self, server, login):
        """The account as the instruments see it: without TLS, and not through the line."""
        return f'127.0.0.1:{self.ports[server][0]}:{login}:{PASSWORD}'

    def side(self, server, login, by_line):
        port = self.ports[server][self.tls]
        folder = f'{self.work}/{server}'
        return Side('127.0.0.1', self.line.ports[port] if by_line else port, login,
                    f'{folder}/tls/ca.pem' if self.tls else '', folder)

    def new_pairs(self, logins, storage, by_line):
        """For each source account one at the destination that nobody has used before."""
        self.copies += 1
        return [Pair(self.side('source', login, by_line), self.side(storage, f'{login}.{self.word}{self.copies}', by_line))
                for login in logins]

    def trips(self, storage):
        trips = self.line.trips()
        return {'source': trips[self.ports['source'][self.tls]],
                'destination': trips[self.ports[storage][self.tls]]}

    def seed(self, name):
        """Fills the accounts of the profile, if they are empty; returns their logins."""
        profile = PROFILES[name]
        logins = [name] if profile.accounts == 1 else [f'{name}{i:03d}' for i in range(profile.accounts)]
        if logins[0] in self.snapshots:
            return logins
        commands = [[f'{SUPPORT}/seed_mail', '--account', self.plain('source', login), '--seed', str(SEED + i),
                     '--messages', str(profile.messages), '--megabytes', str(profile.megabytes), '--folders',
                     str(profile.folders), '--sigma', str(profile.sigma), *profile.options]
                    for i, login in enumerate(logins)]
        for report in run_all(commands, os.cpu_count() or 1, f'{self.work}/seed', 3600):
            assert report.exit_status == 0, report.output
        for login in logins:
            # Reading all of it also fills the server's caches, which the first tool would have to do for the others.
            self.snapshots[login] = self.snapshot('source', login)
            assert not self.snapshots[login].error, self.snapshots[login].error
        return logins

    def snapshot(self, server, login):
        return COMPARE.Snapshot(self.plain(server, login))

    def size(self, logins):
        """Messages and bytes of source accounts."""
        messages = [message for login in logins for folder in self.snapshots[login].folders.values()
                    for message in folder]
        return len(messages), sum(message.size for message in messages)

    def compare(self, pairs, storage):
        """What the copies lack: (messages at the destinations, {what differs: how many})."""
        result, arrived = COMPARE.Comparison(), 0
        for pair in pairs:
            source, copy = self.snapshots[pair.source.login], self.snapshot(storage, pair.destination.login)
            if copy.error:
                return 0, {f'not readable ({copy.error})': self.size([pair.source.login])[0]}
            result.accounts(source, copy)
            arrived += sum(map(len, copy.folders.values()))
        # A message that one side lacks and another that it has too many are a message that was changed.
        changed = min(result.missing, result.duplicated)
        counts = {'changed': changed, 'missing': result.missing - changed, 'too many': result.duplicated - changed,
                  'altered': result.altered}
        return arrived, {what: count for what, count in counts.items() if count}

    def empty(self, pairs):
        """Gives back the room of the copies' mail; the disk could not hold that of all runs.

        The files stay until the end: see spread(). So do Dovecot's own, which a server may still have mapped.
        """
        for pair in pairs:
            for folder, _, names in os.walk(f'{pair.destination.folder}/home/{pair.destination.login}'):
                for name in names:
                    if not name.startswith('dovecot'):
                        with contextlib.suppress(FileNotFoundError):
                            os.truncate(f'{folder}/{name}', 0)
        os.sync()


@dataclasses.dataclass(frozen=True)
class Report:
    """How one program ran."""
    seconds: float
    cpu_seconds: float
    memory_kib: int
    stopped: bool  # For its time.
    exit_status: int
    output: str


def read_report(path):
    with open(f'{path}.report', encoding='ascii') as file:
        seconds, cpu_seconds, memory_kib, stopped, exit_status = file.read().split()
    with open(f'{path}.log', encoding='utf-8', errors='replace') as file:
        return Report(float(seconds), float(cpu_seconds), int(memory_kib), stopped == '1', int(exit_status),
                      file.read())


def start(command, path, seconds_max, environment=None):
    with open(f'{path}.log', 'wb') as log:
        measured = [f'{INSTRUMENTS}/bench_measured', str(seconds_max), f'{path}.report', *map(str, command)]
        return subprocess.Popen(measured, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                env=environment, cwd=os.path.dirname(path))


def run_all(commands, at_once, path, seconds_max, environment=None):
    """Runs all `commands`, so many at a time; returns their reports. Together they get `seconds_max`."""
    begin = time.monotonic()
    waiting, running, reports = list(enumerate(commands)), {}, []
    try:
        while waiting or running:
            left = math.ceil(begin + seconds_max - time.monotonic())
            while waiting and len(running) < at_once and left > 0:
                number, command = waiting.pop(0)
                process = start(command, f'{path}{number}', left, environment)
                running[process.pid] = (process, number)
            if not running:
                break  # No time for the rest.
            pid = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT).si_pid
            if pid not in running:
                raise AssertionError(f'process {pid}, one of the ground, has ended')
            process, number = running.pop(pid)
            process.wait()
            reports.append(read_report(f'{path}{number}'))
    finally:
        for process, _ in running.values():
            os.killpg(process.pid, 9)
            process.wait()
    return reports
