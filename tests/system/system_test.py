#!/usr/bin/python3
"""Whole-program tests with the release build: many jobs, kills, memory, a long line. Prints what it measures.

  system_test.py [-v] [SystemTest.test_name …]      needs root; IMAPCOPY_RELEASE_BIN names the folder of the programs
"""
import collections
import random
import signal
import tempfile
import time
import unittest

from stage import Stage, wait_until
from torture_kills import run_kills

ENDED = ('finished', 'error')
HOLDS_SLOT = ('connecting', 'planning', 'copying', 'verifying')


def stage(**options):
    # The servers' own users must be able to reach their files below it.
    return Stage(tempfile.mkdtemp(prefix='imapcopy-system-'), **options)


class SystemTest(unittest.TestCase):
    def test_many_jobs_and_kills(self):
        """50 jobs, 8 at a time, ten with a wrong password; SIGKILL at ten random moments; nothing lost or doubled."""
        seed = time.time_ns() % 1_000_000
        print(f'seed {seed}')
        chance = random.Random(seed)
        with stage(configuration='[limits]\nmax_jobs = 8') as s:
            good = [f'user{i}' for i in range(40)]
            for i, login in enumerate(good):
                s.seed(login, 60, 2, 5, seed=i)
            for login in good:
                s.submit(login, '--no-test')
            for i in range(10):
                s.submit(f'bad{i}', '--no-test', password='wrong')
            for _ in range(10):
                time.sleep(chance.uniform(0.1, 1.2))
                self.check_slots(s, 8)
                s.stop('imapcopyd', signal.SIGKILL)
                s.start_daemon()
            busiest = 0

            def settled():
                nonlocal busiest
                busiest = max(busiest, self.check_slots(s, 8))
                phases = collections.Counter(job['phase'] for job in s.jobs())
                return phases['complete'] == 40 and phases['waiting'] == 10

            wait_until(settled, 240, '40 finished jobs, and ten that wait')
            states = collections.Counter((job['state'], job['phase']) for job in s.jobs())
            print(f'at most {busiest} at work at a time; {dict(states)}')
            parked = [job for job in s.jobs() if job['phase'] == 'waiting']
            self.assertEqual(len(parked), 10)
            for job in parked:
                self.assertIn('credentials', str(job['reason']))
            for login in good:
                s.compare(login)
            print('40 mailboxes: 0 missing, 0 duplicated, 0 altered after ten kills')

    def test_kills_between_servers_of_other_kinds(self):
        """A short run of tests/torture kills: daemon, servers and connections die while mail is copied."""
        pairs = [('dovecot', 'cyrus'), ('cyrus', 'courier'), ('courier', 'imap4d')]
        self.assertEqual(run_kills(pairs, 12, time.time_ns() % 1_000_000), [0, 0, 0])

    def check_slots(self, s, most):
        busy = sum(job['phase'] in HOLDS_SLOT for job in s.jobs())
        self.assertLessEqual(busy, most)
        return busy

    def test_memory_of_one_huge_message(self):
        """One message of 200 MiB passes through less than 64 MiB."""
        with stage() as s:
            line = b'0123456789' * 7 + b'\r\n'
            body = b'Message-ID: <huge@example.org>\r\nSubject: huge\r\n\r\n' + line * (200 * 1024 * 1024 // len(line))
            s.append('huge', body)
            s.submit('huge', '--wait')
            print(f'200 MiB in one message: peak {s.memory_peak_kib() / 1024:.1f} MiB; {s.compare("huge")}')
            self.assertLess(s.memory_peak_kib(), 64 * 1024)

    def test_memory_of_twenty_mailboxes_at_once(self):
        with stage(configuration='[limits]\nmax_jobs = 20\nconnections_per_host = 50', tls=True) as s:
            for i in range(20):
                s.seed(f'user{i}', 300, 20, 6, seed=i)
            for i in range(20):
                s.submit(f'user{i}', '--no-test', '--hold')
            for job in s.jobs():
                s.ctl('release', str(job['id']))
            wait_until(lambda: all(job['state'] in ENDED for job in s.jobs()), 240, 'the end of all jobs')
            print(f'20 mailboxes at once over TLS: peak {s.memory_peak_kib() / 1024:.1f} MiB')
            for i in range(20):
                s.compare(f'user{i}')
            self.assertLess(s.memory_peak_kib(), 64 * 1024)

    def test_long_line_and_second_run(self):
        """2,000 messages, 60 MB, 12 folders at 100 ms on both sides; then again, with nothing to do."""
        with stage(rtt_ms=100) as s:
            s.seed('anna', 2000, 60, 12, seed=7)
            begin = time.monotonic()
            s.submit('anna', '--wait', '--no-test', '--no-completion-mail')
            first = time.monotonic() - begin
            proof = s.compare('anna')
            begin = time.monotonic()
            s.submit('anna', '--wait', '--no-test', '--no-completion-mail')
            second = time.monotonic() - begin
            print(f'{proof} in {first:.2f} s at 100 ms; again with nothing new: {second:.2f} s')
            self.assertEqual(s.jobs()[-1]['bytes_done'], 0)

    def test_new_mail_only(self):
        with stage() as s:
            s.seed('anna', 100, 2, 5)
            s.submit('anna', '--wait')
            s.append('anna', b'Message-ID: <new@example.org>\r\nSubject: new\r\n\r\nnew\r\n')
            s.submit('anna', '--wait')
            s.compare('anna')
            self.assertLess(s.jobs()[-1]['bytes_done'], 200)

    def test_idle_daemon_uses_no_cpu(self):
        with stage() as s:
            s.seed('anna', 20, 1, 2)
            s.submit('anna', '--wait')
            time.sleep(1.5)  # The last progress of the job goes out within a second.
            before = s.cpu_seconds()
            time.sleep(4)
            self.assertLess(s.cpu_seconds() - before, 0.03)


if __name__ == '__main__':
    unittest.main(verbosity=2)
