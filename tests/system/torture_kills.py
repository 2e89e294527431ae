"""imapcopyd copies between real mail servers, and everything is killed while it does.

All ordered pairs of the named servers are at work at the same time, each pair copying the same small mailbox to one fresh
account after the other. When a random number of bytes has passed between imapcopyd and one side of a pair, one thing
ends: the connections of that side, by FIN or RST behind exactly that byte; the server of the source or of the
destination, by SIGKILL; or imapcopyd, by SIGKILL. What was killed is started again. In the end every job must complete,
every destination hold exactly what a plain client could have stored there, and a second run copy nothing.

Used by tests/torture, which is the program to call. Needs the release build (IMAPCOPY_RELEASE_BIN names its folder).
"""
import collections
import importlib.machinery
import importlib.util
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from stage import PASSWORD, SUPPORT, Account, Imap, Stage, free_ports, quote, tool, wait_until

from imap_client import ImapError  # Found beside what the stage brings.

KINDS = ('dovecot', 'cyrus', 'courier', 'imap4d')
RTT_MS = 4
# How far a job gets before the next kill; the mailbox is some 60 times as large.
BYTES_BETWEEN_KILLS = 150_000
SECONDS_TO_END = 240
CONFIGURATION = '''
[limits]
max_jobs = 50
connections_per_host = 500
connections_per_account = 50
[retry]
delay_min = "1s"
delay_max = "2s"
attempts_max = 100000
[security]
'''


def load_tool(name):
    """A tool of tests/support as a module."""
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(SUPPORT, name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


compare_mail = load_tool('compare_mail')


def read_without_status(response, read=compare_mail.read_message):
    """imap4d writes what it knows of a message into the message itself, when it thinks of it: a line "Status: O"."""
    if len(response) >= 3:
        head, separator, text = response[1].partition(b'\r\n\r\n')
        head = re.sub(rb'^Status: \w+\r\n|\r\nStatus: \w+(?=\r\n|$)', b'', head)
        response = [response[0], head + separator + text, *response[2:]]
    return read(response)


compare_mail.read_message = read_without_status

# ---- The mailbox that is copied

Mail = collections.namedtuple('Mail', 'flags date body')


def make_body(chance, number, size):
    lines = [f'From: user{chance.randint(1, 9)}@example.org', f'Subject: message {number}',
             f'Date: Mon, {chance.randint(1, 28)} Jan 2018 10:{number % 60:02d}:00 +0000']
    if chance.random() > 0.03:
        # Every 20th message borrows the identifier of an earlier one.
        lines.insert(0, f'Message-ID: <{number - 7 if number % 20 == 19 else number}@kills.example.org>')
    text = f'{number} {chance.getrandbits(64):x} '
    line = (text + 'abcdefghij ' * 7)[:72]
    return ('\r\n'.join([*lines, '', *[line] * max(1, size // 74)]) + '\r\n').encode()


def make_mailbox(seed):
    """Folder → messages: about 200 of mixed sizes, one of 3 MB, some of them twice."""
    chance = random.Random(f'{seed}/mailbox')
    folders = {'INBOX': [], 'Sent': [], 'Größe & Maß': [], 'Archive': []}
    for number in range(190):
        size = 3_000_000 if number == 40 else min(400_000, int(chance.lognormvariate(8.3, 1.4)))
        flags = [flag for flag, share in (('\\Seen', .7), ('\\Answered', .2), ('\\Flagged', .1), ('$label1', .1))
                 if chance.random() < share]
        date = f'{chance.randint(1, 28):2d}-Feb-{chance.randint(2004, 2024)} 12:{number % 60:02d}:00 +0000'
        folder = folders[chance.choice(list(folders))]
        folder.append(Mail(flags, date, make_body(chance, number, size)))
        if chance.random() < 0.06:
            folder.append(folder[-1])
    return folders


class PlainClient:
    """Stores mail as any client would, without what the server refuses."""

    def __init__(self, port, login):
        self.imap = Imap(Account(f'127.0.0.1:{port}:{login}:{PASSWORD}'))

    def append(self, raw_name, mail):
        for flags in (mail.flags, [flag for flag in mail.flags if flag.startswith('\\')]):
            try:
                self.append_once(raw_name, flags, mail)
                return
            except ImapError as error:
                refused = error
        raise refused

    def append_once(self, raw_name, flags, mail):
        words = b'APPEND %s (%s) "%s" {%d}' % (quote(raw_name), ' '.join(flags).encode(), mail.date.encode(),
                                               len(mail.body))
        tag = self.imap.send(words)
        answer = self.imap.read_response()
        if not answer[0].startswith(b'+'):
            raise ImapError(answer[0].decode(errors='replace'))
        self.imap.connection.sendall(mail.body + b'\r\n')
        self.imap.finish(tag)

    def fill(self, folders, subscribed):
        for name, mails in folders.items():
            raw = self.imap.raw_name(name)
            if name != 'INBOX':
                self.imap.command(b'CREATE ', quote(raw))
            if name in subscribed:
                self.imap.command(b'SUBSCRIBE ', quote(raw))
            for mail in mails:
                self.append(raw, mail)
        self.imap.close()


# ---- The servers and the lines to them


class Server:
    """A private server of one kind, as a source or as a destination."""

    def __init__(self, stage, kind, side):
        self.kind, self.directory = kind, f'{stage.work}/{kind[:2]}-{side[:3]}'
        self.port, self.tls_port = free_ports(2)
        self.logins = iter(f'user{i}' for i in range(1, 100))  # imap4d knows these.
        self.start()

    def start(self):
        # A Dovecot that is killed forgets the names of the keywords that its Maildir holds; in sdbox it keeps them.
        tool('mailserver', 'start', '--server', self.kind, '--dir', self.directory, '--port', self.port, '--tls-port',
             self.tls_port, '--storage', 'sdbox')

    def kill(self):
        tool('mailserver', 'kill', '--dir', self.directory)

    def stop(self):
        tool('mailserver', 'stop', '--dir', self.directory, check=False)

    def snapshot(self, login):
        taken = compare_mail.Snapshot(f'127.0.0.1:{self.port}:{login}:{PASSWORD}')
        if taken.error:
            raise AssertionError(taken.error)
        return taken


class Lines:
    """The delay proxy, with a line for each side of each pair."""

    def __init__(self, stage, targets):
        """`targets`: port to listen at → port to connect to."""
        command = [f'{SUPPORT}/delay_proxy', '--rtt-ms', str(RTT_MS), '--control']
        for port, to_port in targets.items():
            command += ['--listen', str(port), '--to', f'127.0.0.1:{to_port}']
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        stage.processes['lines'] = self.process
        assert self.process.stdout.readline() == 'ready\n'
        self.fired = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.fired.put(int(line.split()[1]))

    def order(self, port, count, how):
        self.process.stdin.write(f'{port} {count} {how}\n')


# ---- The pairs


class Pair:
    def __init__(self, source, destination):
        self.source, self.destination = source, destination
        self.lines = dict(zip(('source', 'destination'), free_ports(2)))
        self.victim = None
        self.login, self.job = None, None  # Of the copy under way.
        self.copied = []
        self.kills = collections.Counter()

    def __str__(self):
        return f'{self.source.kind} → {self.destination.kind}'

    def calibrate(self, source_login):
        """What the destination can hold of the source, stored by a plain client."""
        given = self.source.snapshot(source_login)
        login = next(self.destination.logins)
        folders = read_back(self.source, source_login)
        PlainClient(self.destination.port, login).fill(folders, given.subscribed)
        self.expected = self.destination.snapshot(login)
        dates = [sorted(mail.date for mails in s.folders.values() for mail in mails) for s in (given, self.expected)]
        self.keeps_dates = dates[0] == dates[1]
        # imap4d forgets the flags that APPEND gives, and when the next message is appended also those of STORE.
        flags = [{mail.flags for mails in s.folders.values() for mail in mails} for s in (given, self.expected)]
        self.keeps_flags = any(flags[1]) or not any(flags[0])

    def comparison(self, login):
        held = self.destination.snapshot(login)
        result = compare_mail.Comparison()
        result.accounts(*(self.comparable(snapshot) for snapshot in (self.expected, held)))
        return result

    def comparable(self, snapshot):
        if not self.keeps_dates:
            for name, mails in snapshot.folders.items():
                snapshot.folders[name] = [mail._replace(date=0) for mail in mails]
        if not self.keeps_flags:
            for name, mails in snapshot.folders.items():
                snapshot.folders[name] = [mail._replace(flags=frozenset()) for mail in mails]
        return snapshot


def read_back(server, login):
    """Folder → messages, as the server gives them."""
    imap = Imap(Account(f'127.0.0.1:{server.port}:{login}:{PASSWORD}'))
    folders = {}
    for folder in imap.folders():
        mails = []

        def each(response, mails=mails):
            if len(response) < 3 or b' FETCH ' not in response[0]:
                return
            words = b' '.join(response[0::2]).decode()
            flags = words.split('FLAGS (')[1].split(')')[0].split()
            date = words.split('INTERNALDATE "')[1].split('"')[0]
            mails.append(Mail([flag for flag in flags if flag != '\\Recent'], date, response[1]))
        if folder.selectable:
            imap.command(b'EXAMINE ' + quote(folder.raw))
            imap.command(b'UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])', each=each)
            folders[folder.name] = mails
    imap.close()
    return folders


class Torture(Stage):
    """Servers of all kinds, lines to them, and imapcopyd."""

    def __init__(self, work, pair_kinds, seed):
        self.work, self.processes, self.keep = work, {}, False
        os.chmod(work, 0o755)
        self.chance = random.Random(seed)
        self.servers = {}
        self.pairs = []
        for source, destination in pair_kinds:
            self.pairs.append(Pair(self.server(source, 'source'), self.server(destination, 'destination')))
        self.lines = Lines(self, {pair.lines[side]: getattr(pair, side).port for pair in self.pairs
                                  for side in pair.lines})
        self.prepare_daemon(CONFIGURATION)
        self.fill(make_mailbox(seed))

    def server(self, kind, side):
        if (kind, side) not in self.servers:
            self.servers[kind, side] = Server(self, kind, side)
        return self.servers[kind, side]

    def fill(self, mailbox):
        self.source_login = 'user0'
        sources = [server for (_, side), server in self.servers.items() if side == 'source']
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: PlainClient(server.port, self.source_login).fill(mailbox, ('Sent', 'Archive')),
                          sources))
            list(pool.map(lambda pair: pair.calibrate(self.source_login), self.pairs))

    def __exit__(self, kind, *_):
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL if name == 'lines' else signal.SIGTERM)
        self.lines.process.stdin.close()
        for server in self.servers.values():
            server.stop()
        if kind is None and not self.keep:
            shutil.rmtree(self.work)

    # Copying

    def submit_next(self, pair):
        pair.login = next(pair.destination.logins)
        self.submit_copy(pair, pair.login)
        self.arm(pair)

    def submit_copy(self, pair, login):
        self.ctl('submit', f'imap+cleartext://{self.source_login}@127.0.0.1:{pair.lines["source"]}',
                 f'imap+cleartext://{login}@127.0.0.1:{pair.lines["destination"]}', '--source-password-file',
                 f'{self.work}/password', '--destination-password-file', f'{self.work}/password', '--no-test')

    def job_of(self, pair, login, jobs):
        """The latest job of this copy."""
        port = pair.lines['destination']
        mine = [job for job in jobs if (job['destination']['login'], job['destination']['port']) == (login, port)]
        return max(mine, key=lambda job: job['id'])

    def collect_ended(self, submit_more):
        jobs = self.jobs()
        for pair in self.pairs:
            if pair.login is None:
                continue
            job = self.job_of(pair, pair.login, jobs)
            if job['state'] == 'error' or job['phase'] == 'complete with exceptions':
                said = self.ctl('report', str(job['id']), check=False).stdout
                # The mail that reports on the job may get lost between kills; no other mail may.
                if '0 could not be copied' not in said:
                    raise AssertionError(f'{pair}: job {job["id"]} failed: {job["error"]}\n{said}')
            if job['state'] == 'finished':
                pair.copied.append(pair.login)
                pair.login = None
                if submit_more:
                    self.submit_next(pair)

    # Killing

    def arm(self, pair):
        side = self.chance.choice(('source', 'destination', 'destination'))
        how = self.chance.choice(('fin', 'rst', 'destination', 'destination', 'source', 'daemon'))
        pair.victim = how
        self.lines.order(pair.lines[side], self.chance.randint(1, 2 * BYTES_BETWEEN_KILLS),
                         how if how in ('fin', 'rst') else 'tell')

    def disarm(self):
        for pair in self.pairs:
            for port in pair.lines.values():
                self.lines.order(port, 1 << 60, 'tell')

    def strike(self, pair):
        pair.kills[pair.victim] += 1
        if pair.victim == 'daemon':
            self.stop('imapcopyd', signal.SIGKILL)
            self.start_daemon()
        elif pair.victim in ('source', 'destination'):
            server = getattr(pair, pair.victim)
            server.kill()
            server.start()
        self.arm(pair)

    def kill_many(self, count):
        for pair in self.pairs:
            self.submit_next(pair)
        by_port = {port: pair for pair in self.pairs for port in pair.lines.values()}
        killed, looked = 0, time.monotonic()
        while killed < count:
            try:
                self.strike(by_port[self.lines.fired.get(timeout=0.5)])
                killed += 1
            except queue.Empty:
                pass
            if time.monotonic() - looked > 0.5:
                self.collect_ended(submit_more=True)
                looked = time.monotonic()
        self.disarm()

    def all_ended(self):
        self.collect_ended(submit_more=False)
        return all(pair.login is None for pair in self.pairs)

    # Judging

    def judge(self):
        """Prints a line for each pair; returns (lost, duplicated, altered)."""
        wait_until(self.all_ended, SECONDS_TO_END, 'the end of all jobs')
        jobs = self.run_again()
        totals = [0, 0, 0]
        for pair in self.pairs:
            found = [0, 0, 0]
            for login in pair.copied:
                result = pair.comparison(login)
                for note in result.notes[:compare_mail.NOTES_MAX]:
                    print(f'  {pair}, {login}: {note}')
                found = [a + b for a, b in zip(found, (result.missing, result.duplicated, result.altered))]
            again = sum(self.job_of(pair, login, jobs)['bytes_done'] for login in pair.copied)
            kills = ', '.join(f'{count} {victim}' for victim, count in sorted(pair.kills.items()))
            print(f'{pair}: {len(pair.copied)} mailboxes; {sum(pair.kills.values())} kills ({kills}): {found[0]} lost, '
                  f'{found[1]} duplicated, {found[2]} altered; {again} bytes copied by the second runs', flush=True)
            found[1] += 1 if again else 0
            totals = [a + b for a, b in zip(totals, found)]
        return totals

    def run_again(self):
        """Copies everything a second time; returns the jobs."""
        for pair in self.pairs:
            for login in pair.copied:
                self.submit_copy(pair, login)
        wait_until(lambda: all(job['state'] in ('finished', 'error') for job in self.jobs()), SECONDS_TO_END,
                   'the end of all second runs')
        return self.jobs()


def run_kills(pair_kinds, count, seed):
    """Returns how many messages were lost, duplicated and altered."""
    work = tempfile.mkdtemp(prefix='imapcopy-kills-', dir='/tmp')
    print(f'seed {seed}; logs in {work}, if this fails', flush=True)
    torture = Torture(work, pair_kinds, seed)
    with torture:
        begin = time.monotonic()
        torture.kill_many(count)
        seconds = time.monotonic() - begin
        print(f'{count} kills in {seconds:.0f} s', flush=True)
        totals = torture.judge()
        torture.keep = any(totals)
    return totals


def add_kills_arguments(parser):
    parser.add_argument('--count', type=int, default=500, metavar='N', help='how many kills (default: 500)')
    parser.add_argument('--servers', default=','.join(KINDS), help='some of ' + ','.join(KINDS))
    parser.add_argument('--seed', type=int, default=None, metavar='X', help='default: from the clock')


def kills(options):
    """Returns the exit status."""
    kinds = options.servers.split(',')
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    pairs = [(source, destination) for source in kinds for destination in kinds if source != destination]
    totals = run_kills(pairs or [(kinds[0], kinds[0])], options.count, seed)
    print('{} kills: {} lost, {} duplicated, {} altered'.format(options.count, *totals))
    return 1 if any(totals) else 0
