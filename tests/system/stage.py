"""A stage for whole-program tests: private Dovecot servers, a private bus, imapcopyd, imapcopyctl."""
import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUPPORT = os.path.join(ROOT, 'tests', 'support')
sys.path.insert(0, SUPPORT)
sys.dont_write_bytecode = True
from imap_client import Account, Imap, quote  # noqa: E402

BINARIES = os.environ.get('IMAPCOPY_RELEASE_BIN', os.path.join(ROOT, 'build', 'release', 'bin'))
PASSWORD = 'pass'
BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path={work}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy></busconfig>
'''


_ports_given = set()


def free_ports(count):
    """Ports at which nobody listens, none of them given before. Below those that connections get: a server that is
    started a moment later would find one of these taken."""
    ports = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(20000, 32768)
        if port in _ports_given:
            continue
        try:
            socket.create_server(('127.0.0.1', port)).close()
        except OSError:
            continue
        _ports_given.add(port)
        ports.append(port)
    return ports


def tool(name, *arguments, check=True):
    return subprocess.run([os.path.join(SUPPORT, name), *map(str, arguments)], check=check, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(0.05)


class Stage:
    """Everything lives below `work`. `rtt_ms` puts both servers at the end of a line of that delay."""

    def __init__(self, work, configuration='', rtt_ms=0, tls=False):
        self.work, self.rtt_ms, self.tls = work, rtt_ms, tls
        self.processes = {}
        os.chmod(work, 0o755)
        ports = free_ports(6)
        self.ports = {'source': ports[0], 'destination': ports[1]}
        self.tls_ports = {'source': ports[2], 'destination': ports[3]}
        self.lines = {'source': ports[4], 'destination': ports[5]}
        for side in ('source', 'destination'):
            tool('mailserver', 'start', '--dir', f'{work}/{side}', '--port', self.ports[side], '--tls-port',
                 self.tls_ports[side], '--set', 'mail_max_userip_connections = 200')
        if rtt_ms:
            targets = self.tls_ports if tls else self.ports
            self.start('line', [f'{SUPPORT}/delay_proxy', '--rtt-ms', str(rtt_ms)] + [
                word for side in targets for word in
                ('--listen', str(self.lines[side]), '--to', f'127.0.0.1:{targets[side]}')])
            wait_until(lambda: 'ready' in self.read('line.log'), 10, 'the line')
        self.write('ca.pem', self.read('source/tls/ca.pem') + self.read('destination/tls/ca.pem'))
        self.prepare_daemon(f'{configuration}\n[security]\nca_file = "{work}/ca.pem"\n')

    def prepare_daemon(self, configuration):
        """The bus, and what the daemon reads. `configuration` ends in the table [security]."""
        work = self.work
        self.write('bus.conf', BUS.format(work=work))
        self.start('bus', ['dbus-daemon', f'--config-file={work}/bus.conf', '--nofork', '--nopidfile'])
        wait_until(lambda: os.path.exists(f'{work}/bus'), 10, 'the bus')
        self.write('password', PASSWORD + '\n')
        self.write('wrong', 'not the password\n')
        self.write('key', os.urandom(32))
        self.write('imapcopyd.toml', f'providers_dir = "{ROOT}/config/providers.d"\n{configuration}'
                   f'cleartext_hosts = ["127.0.0.1"]\n[secrets]\nkey_file = "{work}/key"\n')
        os.makedirs(f'{work}/state', mode=0o700, exist_ok=True)

    def __enter__(self):
        try:
            self.start_daemon()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *_):
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL if name == 'line' else signal.SIGTERM)
        for side in ('source', 'destination'):
            tool('mailserver', 'stop', '--dir', f'{self.work}/{side}', check=False)
        shutil.rmtree(self.work)

    def write(self, name, content):
        with open(f'{self.work}/{name}', 'wb') as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(f'{self.work}/{name}', 0o600)

    def read(self, name):
        with open(f'{self.work}/{name}', encoding='utf-8', errors='replace') as file:
            return file.read()

    def start(self, name, command):
        with open(f'{self.work}/{name}.log', 'ab') as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(120)

    def start_daemon(self):
        self.start('imapcopyd', [f'{BINARIES}/imapcopyd', '--config', f'{self.work}/imapcopyd.toml', '--bus',
                                 f'unix:path={self.work}/bus', '--state-dir', f'{self.work}/state'])
        wait_until(lambda: self.ctl('daemon', 'status', check=False).returncode == 0, 20,
                   'imapcopyd, which said: ' + self.read('imapcopyd.log')[-2000:])

    @property
    def pid(self):
        return self.processes['imapcopyd'].pid

    def memory_peak_kib(self):
        with open(f'/proc/{self.pid}/status', encoding='ascii') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('VmHWM'))

    def cpu_seconds(self):
        with open(f'/proc/{self.pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def ctl(self, *arguments, check=True):
        done = subprocess.run([f'{BINARIES}/imapcopyctl', '--bus', f'unix:path={self.work}/bus', *arguments],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f'imapcopyctl {" ".join(arguments)}: exit {done.returncode}\n{done.stdout}')
        return done

    def url(self, side, login):
        port = self.lines[side] if self.rtt_ms else (self.tls_ports if self.tls else self.ports)[side]
        return f'imaps://{login}@localhost:{port}' if self.tls else f'imap+cleartext://{login}@127.0.0.1:{port}'

    def submit(self, login, *options, password='password', check=True):
        return self.ctl('submit', self.url('source', login), self.url('destination', login),
                        '--source-password-file', f'{self.work}/{password}',
                        '--destination-password-file', f'{self.work}/password', *options, check=check)

    def jobs(self):
        return json.loads(self.ctl('list', '--all', '-o', 'json').stdout)['jobs']

    def account(self, side, login):
        return f'127.0.0.1:{self.ports[side]}:{login}:{PASSWORD}'

    def seed(self, login, messages, megabytes, folders, seed=1):
        tool('seed_mail', '--account', self.account('source', login), '--seed', seed, '--messages', messages,
             '--megabytes', megabytes, '--folders', folders)

    def compare(self, login):
        """The proof line; raises with the differences where there are any."""
        done = tool('compare_mail', self.account('source', login), self.account('destination', login), check=False)
        if done.returncode != 0 or '0 missing, 0 duplicated, 0 altered' not in done.stdout:
            raise AssertionError(f'{login}: {done.stdout}')
        return done.stdout.strip().splitlines()[-1]

    def alter(self, side, login, old, new):
        """Exchanges bytes of the one message that holds `old`, behind the server's back; both are of one length."""
        changed = 0
        for path in glob.glob(f'{self.work}/{side}/**/{login}/**/cur/*', recursive=True):
            with open(path, 'r+b') as file:
                at = file.read().find(old)
                if at >= 0:
                    file.seek(at)
                    file.write(new)
                    changed += 1
        assert changed == 1, f'{changed} messages hold {old}'

    def damage(self, login, marker):
        """Cuts the file of the one message of the source that holds `marker`: Dovecot ends the connection of whoever
        asks for it."""
        cut = 0
        for path in glob.glob(f'{self.work}/source/**/{login}/**/*,S=*', recursive=True):
            with open(path, 'r+b') as file:
                content = file.read()
                if marker in content:
                    file.truncate(len(content) // 2)
                    cut += 1
        assert cut == 1, f'{cut} messages hold {marker}'

    def append(self, login, body):
        with_server = Imap(Account(self.account('source', login)))
        with_server.connection.sendall(b'a APPEND INBOX {%d+}\r\n' % len(body) + body + b'\r\n')
        while not (line := with_server.file.readline()).startswith(b'a '):
            assert line, 'the server hung up'
        assert line.startswith(b'a OK'), line
        with_server.close()
