"""The programs that are measured. Each is told of pairs of accounts and copies all of them."""
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from ground import AT_ONCE, INSTRUMENTS, run_all

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'support'))
from mailservers import dovecot  # noqa: E402
from mailservers.packages import default_cache, environment, fetch  # noqa: E402
from stage import BINARIES, BUS, PASSWORD, ROOT, wait_until  # noqa: E402


class Stopwatch:
    """Time, and how much all cores of the machine do in it: servers, line and programs."""

    def __init__(self):
        self.began, self.busy = time.monotonic(), self.busy_seconds()

    @staticmethod
    def busy_seconds():
        with open('/proc/stat', encoding='ascii') as file:
            user, nice, system, _idle, _iowait, irq, softirq = map(int, file.readline().split()[1:8])
        return (user + nice + system + irq + softirq) / os.sysconf('SC_CLK_TCK')

    def read(self):
        """Seconds since it began, and how many cores were busy in them."""
        seconds = time.monotonic() - self.began
        return seconds, (self.busy_seconds() - self.busy) / seconds


@dataclasses.dataclass
class Measurement:
    seconds: float
    cores_busy: float
    cpu_seconds: float  # Of the program.
    memory_kib: int
    stopped: bool = False
    failed: str = ''  # The last words of a program that ended badly.
    more: dict = dataclasses.field(default_factory=dict)


def last_words(reports):
    """Of the last program that failed."""
    failed = [report.output[-300:] for report in reports if report.exit_status and not report.stopped]
    return failed[-1] or 'nothing' if failed else ''


def write_private(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, 0o600)


class Program:
    """A program that copies one account and ends."""
    needs = None  # What must be found in PATH.

    def __init__(self, state, seconds_max):
        self.state, self.seconds_max = state, seconds_max
        os.makedirs(state, mode=0o700)

    @classmethod
    def missing(cls):
        return '' if not cls.needs or shutil.which(cls.needs) else f'{cls.needs} is not installed'

    def environment(self):
        return dict(os.environ, HOME=self.state, LC_ALL='C.UTF-8')

    def folder(self, pair):
        """Where the program keeps what it wants to find again; the same for the same pair."""
        path = f'{self.state}/{pair.source.login}'
        os.makedirs(path, exist_ok=True)
        return path

    def command(self, pair):
        raise NotImplementedError

    def copy(self, pairs):
        commands = [self.command(pair) for pair in pairs]
        watch = Stopwatch()
        reports = run_all(commands, AT_ONCE, f'{self.state}/run', self.seconds_max, self.environment())
        return self.measurement(*watch.read(), reports, len(commands))

    def measurement(self, seconds, cores_busy, reports, wanted):
        return Measurement(seconds, cores_busy, sum(report.cpu_seconds for report in reports),
                           max(report.memory_kib for report in reports),
                           len(reports) < wanted or any(report.stopped for report in reports), last_words(reports))

    def close(self):
        pass


class Floor(Program):
    """Fills the destination over one connection from memory: what takes less time needs more connections."""

    def command(self, pair):
        tls = ['--tls', pair.source.ca_file] if pair.source.ca_file else []
        if tls:
            # One file with the certificates of both sides.
            tls[1] = f'{self.folder(pair)}/ca.pem'
            with open(tls[1], 'w', encoding='ascii') as file:
                for side in (pair.source, pair.destination):
                    with open(side.ca_file, encoding='ascii') as one:
                        file.write(one.read())
        return [f'{INSTRUMENTS}/bench_floor', pair.source.account, pair.destination.account, *tls]

    def measurement(self, seconds, cores_busy, reports, wanted):
        measured = super().measurement(seconds, cores_busy, reports, wanted)
        if wanted == 1 and not measured.failed and not measured.stopped:
            halves = json.loads(reports[0].output)
            measured.seconds = max(halves['read_seconds'], halves['write_seconds'])
            measured.more = {half: halves[half] for half in ('read_seconds', 'write_seconds')}
        return measured


class Mbsync(Program):
    needs = 'mbsync'

    def command(self, pair):
        folder = self.folder(pair)
        os.makedirs(f'{folder}/state', exist_ok=True)
        stores = ''
        for name, side in (('source', pair.source), ('destination', pair.destination)):
            tls = f'SSLType IMAPS\nCertificateFile {side.ca_file}\n' if side.ca_file else 'SSLType None\n'
            stores += (f'IMAPAccount {name}\nHost {side.host}\nPort {side.port}\nUser {side.login}\n'
                       f'Pass {PASSWORD}\nAuthMechs LOGIN\n{tls}\nIMAPStore {name}\nAccount {name}\n\n')
        write_private(f'{folder}/mbsyncrc', stores + 'Channel all\nFar :source:\nNear :destination:\nPatterns *\n'
                      f'Create Near\nSync Pull\nExpunge None\nCopyArrivalDate yes\nSyncState {folder}/state/\n')
        return ['mbsync', '--quiet', '--config', f'{folder}/mbsyncrc', '--all']


class Interimap(Program):
    needs = 'interimap'

    def command(self, pair):
        folder = self.folder(pair)
        sections = ''
        for name, side in (('local', pair.destination), ('remote', pair.source)):
            tls = f'type = imaps\nSSL_CAfile = {side.ca_file}' if side.ca_file else 'type = imap\nSTARTTLS = NO'
            sections += (f'[{name}]\n{tls}\nhost = {side.host}\nport = {side.port}\nusername = {side.login}\n'
                         f'password = {PASSWORD}\nauth = PLAIN LOGIN\ncompress = NO\n\n')
        write_private(f'{folder}/config', f'database = {folder}/database\nlist-mailbox = *\n\n{sections}')
        return ['interimap', '--config', f'{folder}/config', '--quiet']


class Imapsync(Program):
    needs = 'imapsync'

    def command(self, pair):
        folder = self.folder(pair)
        command = ['imapsync', '--nolog', '--noreleasecheck', '--tmpdir', folder, '--pidfile', f'{folder}/pid']
        for number, side in (('1', pair.source), ('2', pair.destination)):
            command += [f'--host{number}', side.host, f'--port{number}', str(side.port), f'--user{number}', side.login,
                        f'--password{number}', PASSWORD]
            command += [f'--ssl{number}'] if side.ca_file else [f'--nossl{number}', f'--notls{number}']
        return command


class Doveadm(Program):
    """Runs on the destination's host and writes into its store; only the source is at the end of the line."""

    def __init__(self, state, seconds_max):
        super().__init__(state, seconds_max)
        self.root = fetch(dovecot.KIT, default_cache())

    def environment(self):
        return environment(dovecot.KIT, self.root, HOME=self.state)

    def command(self, pair):
        settings = {'imapc_host': pair.source.host, 'imapc_port': pair.source.port, 'imapc_user': pair.source.login,
                    'imapc_password': PASSWORD, 'imapc_features': 'rfc822.size fetch-headers',
                    'mail_prefetch_count': 20}
        if pair.source.ca_file:
            settings |= {'imapc_ssl': 'imaps', 'ssl_client_ca_file': pair.source.ca_file}
        command = [f'{self.root}/usr/bin/doveadm', '-c', f'{pair.destination.folder}/dovecot.conf']
        for key, value in settings.items():
            command += ['-o', f'{key}={value}']
        return [*command, 'backup', '-R', '-u', pair.destination.login, 'imapc:']


def cpu_seconds_of(pid):
    """All that the process has used so far. The number of its clock is made as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_peak_kib(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM'))


class Imapcopyd(Program):
    """A daemon of its own on a bus of its own. Measured is from the submission to the end of the last job."""
    binaries = BINARIES
    limits = ()  # Lines of [limits] in its configuration.

    def __init__(self, state, seconds_max):
        super().__init__(state, seconds_max)
        self.processes = []
        self.bus = f'unix:path={state}/bus'
        write_private(f'{state}/bus.conf', BUS.format(work=state))
        write_private(f'{state}/password', PASSWORD + '\n')
        write_private(f'{state}/key', '0123456789abcdef' * 2)
        os.makedirs(f'{state}/database', mode=0o700)

    @classmethod
    def missing(cls):
        return '' if os.access(f'{cls.binaries}/imapcopyd', os.X_OK) else f'{cls.binaries}/imapcopyd is not there'

    def start(self, name, command):
        with open(f'{self.state}/{name}.log', 'ab') as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                   start_new_session=True))

    def start_daemon(self, pair):
        state, certificates = self.state, ''
        for side in (pair.source, pair.destination):
            if side.ca_file:
                with open(side.ca_file, encoding='ascii') as file:
                    certificates += file.read()
        write_private(f'{state}/ca.pem', certificates)
        ca_file = f'ca_file = "{state}/ca.pem"\n' if certificates else ''
        limits = ''.join(f'{line}\n' for line in (f'max_jobs = {AT_ONCE}', *self.limits))
        write_private(f'{state}/imapcopyd.toml',
                      f'providers_dir = "{ROOT}/config/providers.d"\n[limits]\n{limits}[secrets]\nkey_file = '
                      f'"{state}/key"\n[security]\ncleartext_hosts = ["127.0.0.1"]\n{ca_file}')
        self.start('bus', ['dbus-daemon', f'--config-file={state}/bus.conf', '--nofork', '--nopidfile'])
        wait_until(lambda: os.path.exists(f'{state}/bus'), 10, 'the bus')
        self.start('imapcopyd', [f'{self.binaries}/imapcopyd', '--config', f'{state}/imapcopyd.toml', '--bus',
                                 self.bus, '--state-dir', f'{state}/database'])
        wait_until(lambda: subprocess.run(self.ctl('daemon', 'status'), stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL, check=False).returncode == 0, 20, 'imapcopyd')

    def ctl(self, *words):
        return [f'{self.binaries}/imapcopyctl', '--bus', self.bus, '--quiet', *words]

    def run_now(self, *words):
        subprocess.run(self.ctl(*words), check=True, stdout=subprocess.DEVNULL)

    def submit(self, pair, *options):
        urls = [f'{"imaps" if side.ca_file else "imap+cleartext"}://{side.login}@{side.host}:{side.port}'
                for side in (pair.source, pair.destination)]
        return self.ctl('submit', *urls, '--source-password-file', f'{self.state}/password',
                        '--destination-password-file', f'{self.state}/password', '--no-test',
                        '--no-completion-mail', *options)

    def copy(self, pairs):
        if not self.processes:
            self.start_daemon(pairs[0])
        command = self.submit(pairs[0], '--wait')
        if len(pairs) > 1:
            # The jobs are there before the clock starts, as the other programs' configurations are.
            self.run_now('daemon', 'hold')
            for pair in pairs:
                subprocess.run(self.submit(pair), check=True, stdout=subprocess.DEVNULL)
            command = self.ctl('watch')
        pid = self.processes[-1].pid
        cpu_before, watch = cpu_seconds_of(pid), Stopwatch()
        if len(pairs) > 1:
            self.run_now('daemon', 'release')
        client = run_all([command], 1, f'{self.state}/run', self.seconds_max)[0]
        return Measurement(*watch.read(), cpu_seconds_of(pid) - cpu_before + client.cpu_seconds,
                           memory_peak_kib(pid), client.stopped, last_words([client]),
                           {'client_cpu_seconds': client.cpu_seconds})

    def close(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Baseline(Imapcopyd):
    """Another build of imapcopyd, to be compared with this one."""


TOOLS = {'floor': Floor, 'imapcopyd': Imapcopyd, 'baseline': Baseline, 'mbsync': Mbsync, 'interimap': Interimap,
         'imapsync': Imapsync, 'doveadm': Doveadm}
