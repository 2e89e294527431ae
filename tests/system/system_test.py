#!/usr/bin/python3
"""Whole-program tests with the release build: many jobs, kills, memory, a long line. Prints what it measures.

  system_test.py [-v] [SystemTest.test_name …]      needs root; IMAPCOPY_RELEASE_BIN names the folder of the programs
"""
import collections
import imaplib
import json
import random
import re
import signal
import tempfile
import time
import unittest

from stage import Stage, wait_until
from torture_fidelity import run_fidelity
from torture_kills import run_kills
from torture_scenarios import LostDatabase, Prefilled, run_scenario

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

    def test_fidelity_between_two_dovecots(self):
        """A short run of tests/torture fidelity: odd messages, dates, keywords and folder names."""
        self.assertEqual(run_fidelity([('dovecot', 'dovecot')], 5 << 20), [0, 0, 0])

    def test_mailbox_that_was_half_filled_before(self):
        self.assertEqual(run_scenario(Prefilled, [('dovecot', 'cyrus')], time.time_ns() % 1_000_000), [0, 0, 0])

    def test_database_lost_in_mid_copy(self):
        self.assertEqual(run_scenario(LostDatabase, [('cyrus', 'dovecot')], time.time_ns() % 1_000_000), [0, 0, 0])

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
            ended = next(line for line in s.read('imapcopyd.log').splitlines() if 'attempt ended' in line)
            for side in ('source', 'destination'):
                measured = int(re.search(rf'{side}_round_trip_us=(\d+)', ended)[1])
                self.assertTrue(90_000 <= measured < 200_000, ended)
            self.assertEqual(s.jobs()[-1]['bytes_done'], 0)

    def test_new_mail_only(self):
        with stage() as s:
            s.seed('anna', 100, 2, 5)
            s.submit('anna', '--wait')
            s.append('anna', b'Message-ID: <new@example.org>\r\nSubject: new\r\n\r\nnew\r\n')
            s.submit('anna', '--wait')
            s.compare('anna')
            self.assertLess(s.jobs()[-1]['bytes_done'], 200)

    def test_verify_finds_what_was_tampered_with(self):
        """Seven messages over real servers; then somebody deletes, doubles, alters, moves and flags copies."""
        def verify(*options):
            done = s.ctl('verify', '1', '--source-password-file', f'{s.work}/password',
                         '--destination-password-file', f'{s.work}/password', '-o', 'json', *options, check=False)
            found = json.loads(done.stdout)
            return done.returncode, found['totals'], found['listed']

        with stage() as s:
            for i in range(1, 8):
                s.append('anna', b'Message-ID: <%d@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:0%d +0000\r\n'
                         b'Subject: %d\r\n\r\nbody of %d\r\n' % (i, i, i, i))
            s.submit('anna', '--wait')
            self.assertEqual(s.ctl('verify', '1', '--no-ask-password', check=False).returncode, 12)
            for level in ('counts', 'index', 'digest'):
                self.assertEqual(verify('--level', level), (0, {}, []), level)

            there = imaplib.IMAP4('127.0.0.1', s.ports['destination'])
            there.login('anna', 'pass')
            there.create('Tidy')
            there.select('INBOX')
            by_number = {number: there.uid('search', None, 'HEADER', 'Message-ID', f'<{number}@example.org>')[1][0]
                         for number in range(1, 8)}
            there.uid('copy', by_number[2], 'INBOX')
            there.uid('copy', by_number[4], 'Tidy')
            there.uid('store', by_number[5], '+FLAGS', r'(\Flagged)')
            for number in (1, 4):
                there.uid('store', by_number[number], '+FLAGS', r'(\Deleted)')
            there.expunge()
            there.append('INBOX', None, None, b'Message-ID: <own@example.org>\r\nSubject: own\r\n\r\nown\r\n')
            there.logout()
            s.alter('destination', 'anna', b'body of 3', b'body of X')

            found = {'deleted': 1, 'doubled': 1, 'moved': 1, 'reflagged': 1, 'extra': 1}
            status, totals, listed = verify()
            self.assertEqual((status, totals), (6, found), listed)
            rows = {row['kind']: row for row in listed}
            self.assertEqual(rows['deleted']['source_uid'], 1)
            self.assertEqual(rows['moved']['source_uid'], 4)
            self.assertIn('"Tidy"', rows['moved']['text'])
            status, totals, listed = verify('--level', 'digest')
            self.assertEqual((status, totals), (6, {'altered': 1, **found}), listed)
            altered = [row['source_uid'] for row in listed if row['kind'] == 'altered']
            self.assertEqual(altered, [3])
            print(s.ctl('verify', '1', '--level', 'digest', '--source-password-file', f'{s.work}/password',
                        '--destination-password-file', f'{s.work}/password', check=False).stdout)

    def test_message_that_the_source_cannot_read(self):
        """Dovecot drops the connection at it, each time; all others come, and the report names it."""
        with stage() as s:
            for i in range(1, 8):
                s.append('anna', b'Message-ID: <%d@example.org>\r\nSubject: %d\r\n\r\nbody of %d\r\n' % (i, i, i) +
                         b'x' * 5000 + b'\r\n')
            s.damage('anna', b'body of 3')
            done = s.submit('anna', '--no-test', '--wait', check=False)
            self.assertEqual(done.returncode, 5, done.stdout)
            self.assertIn('Disconnected: FETCH read() failed', s.read('source/dovecot.log'))
            job = s.jobs()[0]
            self.assertEqual((job['messages_done'], job['messages_skipped']), (6, 1))
            report = s.ctl('report', '1').stdout
            self.assertIn('INBOX, message 3 ', report)
            self.assertIn('the source ended the connection each time that it was asked for this message', report)

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
