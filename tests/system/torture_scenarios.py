"""Two things that happen to a migration, over real mail servers, in every direction between the named ones.

  prefilled       another program has put half of the messages into the destination, in another order: exactly the other
                  half is copied
  lost-database   imapcopyd is killed in mid-copy, its database is removed, and when the server has stored what was under
                  way the same mailboxes are submitted again: what the first try stored is recognised

Afterwards every destination must hold exactly what a plain client could have stored there, and a second run must copy
nothing.

Used by tests/torture, which is the program to call. Needs the release build (IMAPCOPY_RELEASE_BIN names its folder).
"""
import os
import queue
import shutil
import signal
import tempfile
import time

from stage import wait_until
from torture_kills import SECONDS_TO_END, PlainClient, Torture, read_back

DEFAULT_SERVERS = 'dovecot,cyrus,courier'
MAILBOX_BYTES = 4_000_000  # At least so much comes to the destination.
NOTES_MAX = 20
SETTLE_SECONDS = 5


class Scenario(Torture):
    """Copies one mailbox for each pair, in act(), and leaves each pair's job with it."""

    def run(self):
        for pair in self.pairs:
            pair.login = next(pair.destination.logins)
        self.act()
        totals = [0, 0, 0]
        for pair in self.pairs:
            totals = [a + b for a, b in zip(totals, self.judge_pair(pair))]
        self.copy()
        for pair in self.pairs:
            if pair.job['bytes_done']:
                print(f'  {pair}: the second run copied {pair.job["bytes_done"]} bytes')
                totals[1] += 1
        self.keep = any(totals)
        return totals

    def copy(self):
        for pair in self.pairs:
            self.submit_copy(pair, pair.login)
        self.wait_for_jobs()
        for pair in self.pairs:
            pair.job = self.job_of(pair, pair.login, self.jobs())

    def wait_for_jobs(self):
        wait_until(lambda: all(job['state'] in ('finished', 'error') for job in self.jobs()), SECONDS_TO_END,
                   'the end of all jobs')

    def judge_pair(self, pair):
        result = pair.comparison(pair.login)
        for note in result.notes[:NOTES_MAX]:
            print(f'  {pair}: {note}')
        if pair.job['phase'] != 'complete':
            raise AssertionError(f'{pair}: the job is {pair.job["phase"]}: {pair.job["error"]}')
        doubled = result.duplicated
        if pair.to_come is not None and pair.job['bytes_done'] != pair.to_come:
            print(f'  {pair}: {pair.job["bytes_done"]} bytes were copied in place of {pair.to_come}')
            doubled += 1
        print(f'{pair}: {pair.before} messages were there, {pair.job["bytes_done"]} bytes came: {result.missing} lost, '
              f'{doubled} duplicated, {result.altered} altered', flush=True)
        return result.missing, doubled, result.altered


class Prefilled(Scenario):
    def act(self):
        for pair in self.pairs:
            folders = read_back(pair.source, self.source_login)
            half = {name: mails[::2] for name, mails in folders.items()}
            for mails in half.values():
                self.chance.shuffle(mails)
            PlainClient(pair.destination.port, pair.login).fill(half, ())
            pair.before = sum(map(len, half.values()))
            pair.to_come = sum(len(mail.body) for mails in folders.values() for mail in mails[1::2])
        self.copy()


class LostDatabase(Scenario):
    def act(self):
        """One pair after the other. Each is killed on its way, and then begins with an empty database."""
        for pair in self.pairs:
            self.submit_copy(pair, pair.login)
            self.kill_at(pair, self.chance.randint(1, MAILBOX_BYTES))
            self.wait_until_quiet(pair)
            pair.before = sum(map(len, pair.destination.snapshot(pair.login).folders.values()))
            pair.to_come = None  # The comparison tells.
            shutil.rmtree(f'{self.work}/state')
            os.makedirs(f'{self.work}/state', mode=0o700)
            self.start_daemon()
            self.submit_copy(pair, pair.login)
            self.wait_for_jobs()
            pair.job = self.job_of(pair, pair.login, self.jobs())

    @staticmethod
    def wait_until_quiet(pair):
        """A server stores what it has received long after the connection ended, and nobody can know any more what is
        under way. It gets the time that settling would give it, and a person needs as much to do all this."""
        def numbers():
            return {name: len(mails) for name, mails in pair.destination.snapshot(pair.login).folders.items()}
        found, since = numbers(), time.monotonic()
        while time.monotonic() < since + SETTLE_SECONDS:
            time.sleep(0.5)
            now = numbers()
            if now != found:
                found, since = now, time.monotonic()

    def kill_at(self, pair, count):
        self.lines.order(pair.lines['destination'], count, 'tell')
        try:
            self.lines.fired.get(timeout=SECONDS_TO_END)
        except queue.Empty:
            raise AssertionError(f'{pair}: the copy has not come as far as {count} bytes') from None
        self.stop('imapcopyd', signal.SIGKILL)


def run_scenario(kind, pairs, seed):
    """Returns how many messages were lost, duplicated and altered."""
    work = tempfile.mkdtemp(prefix='imapcopy-scenario-', dir='/tmp')
    print(f'seed {seed}; logs in {work}, if this fails', flush=True)
    with kind(work, pairs, seed) as scenario:
        return scenario.run()


def add_arguments(parser):
    parser.add_argument('--servers', default=DEFAULT_SERVERS, help=f'default: {DEFAULT_SERVERS}')
    parser.add_argument('--seed', type=int, default=None, metavar='X', help='default: from the clock')


def run_verb(name, kind, options):
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    kinds = options.servers.split(',')
    pairs = [(source, destination) for source in kinds for destination in kinds if source != destination]
    totals = run_scenario(kind, pairs or [(kinds[0], kinds[0])], seed)
    print('{}: {} lost, {} duplicated, {} altered'.format(name, *totals))
    return 1 if any(totals) else 0


def prefilled(options):
    """Returns the exit status."""
    return run_verb('prefilled', Prefilled, options)


def lost_database(options):
    """Returns the exit status."""
    return run_verb('lost database', LostDatabase, options)
