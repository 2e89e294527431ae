#!/usr/bin/python3
"""Do the instruments of tests/bench/run measure what they say?  IMAPCOPY_BENCH_BIN names the folder of the programs."""
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ground  # noqa: E402
import report  # noqa: E402
import tools  # noqa: E402


class Server:
    """Takes one connection at a time, greets, and does with it what `serve` does."""

    def __init__(self, serve):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self.run, args=(serve,), daemon=True).start()

    def run(self, serve):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection:
                connection.sendall(b'* OK\r\n')
                serve(connection)


def echo(connection):
    while data := connection.recv(1 << 16):
        connection.sendall(data)


class LineTest(unittest.TestCase):
    def start(self, serve, round_trip_ms):
        server = Server(serve)
        self.addCleanup(server.listener.close)
        self.line = ground.Line([server.port])
        self.addCleanup(self.line.close)
        self.line.set_round_trip(round_trip_ms)
        self.server = server
        return self.connect()

    def connect(self):
        client = socket.create_connection(('127.0.0.1', self.line.ports[self.server.port]), 30)
        self.addCleanup(client.close)
        return client

    def ask(self, client, words):
        client.sendall(words)
        answer = b''
        while len(answer) < len(words):
            answer += client.recv(1 << 16)
        self.assertEqual(answer, words)

    def test_delays_greeting_and_answers(self):
        begin = time.monotonic()
        client = self.start(echo, 40)
        self.assertEqual(client.recv(100), b'* OK\r\n')
        self.assertGreaterEqual(time.monotonic() - begin, 0.080)
        begin = time.monotonic()
        self.ask(client, b'x')
        self.assertGreaterEqual(time.monotonic() - begin, 0.040)

    def test_passes_all_bytes_in_order_and_the_end(self):
        sent = random.Random(1).randbytes(24 << 20)
        arrived = []

        def slow_reader(connection):
            while data := connection.recv(1 << 20):
                arrived.append(data)
            connection.sendall(b'done')
        client = self.start(slow_reader, 10)
        client.recv(100)
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(client.recv(100), b'done')
        self.assertEqual(client.recv(100), b'')
        self.assertEqual(b''.join(arrived), sent)

    def test_counts_round_trips_after_the_login(self):
        client = self.start(echo, 20)
        client.recv(100)
        self.ask(client, b'a CAPABILITY\r\n')
        self.ask(client, b'b LOGIN me pass\r\n')
        self.ask(client, b'c LIST\r\n')
        self.ask(client, b'd EXAMINE\r\ne FETCH\r\n')  # Both at once are one.
        self.assertEqual(self.line.trips(), {self.server.port: [2]})


    def test_outlives_connections_that_are_reset(self):
        client = self.start(echo, 4)
        for _ in range(20):
            self.assertEqual(client.recv(100), b'* OK\r\n')
            self.ask(client, b'x' * 1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            client.close()
            client = self.connect()
        self.assertEqual(client.recv(100), b'* OK\r\n')
        self.assertEqual(self.server.accepted, 21)


class MeasuredTest(unittest.TestCase):
    def run_one(self, *command, seconds_max=30):
        with tempfile.TemporaryDirectory() as folder:
            return ground.run_all([command], 1, f'{folder}/run', seconds_max)[0]

    def test_reports_time_memory_and_exit_status(self):
        found = self.run_one(sys.executable, '-c', 'x = b"x" * (64 << 20); sum(range(3000000)); print("said"); exit(3)')
        self.assertEqual((found.exit_status, found.stopped, found.output), (3, False, 'said\n'))
        self.assertGreater(found.memory_kib, 64 << 10)
        self.assertGreater(found.cpu_seconds, 0.01)
        self.assertGreater(found.seconds, found.cpu_seconds / 2)

    def test_memory_is_that_of_the_program_alone(self):
        ballast = bytearray(os.urandom(1 << 20) * 100)
        self.assertLess(self.run_one('true').memory_kib, 32 << 10)
        self.assertEqual(len(ballast), 100 << 20)

    def test_counts_what_every_core_does(self):
        watch = tools.Stopwatch()
        burning = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
        time.sleep(0.5)
        burning.kill()
        burning.wait()
        seconds, cores_busy = watch.read()
        self.assertGreater(seconds, 0.5)
        self.assertTrue(0.2 < cores_busy <= os.cpu_count() + 0.1, cores_busy)

    def test_ends_a_program_whose_time_is_over(self):
        found = self.run_one('sleep', '600', seconds_max=1)
        self.assertTrue(found.stopped)
        self.assertLess(found.seconds, 300)


class FloorTest(unittest.TestCase):
    def check(self, tls):
        place = ground.Ground(tempfile.mkdtemp(prefix='icbench-', dir='/tmp'), ['maildir'], tls)
        self.addCleanup(place.close)
        ground.tool('seed_mail', '--account', place.plain('source', 'anna'), '--messages', 60, '--megabytes', 22,
                    '--folders', 6)
        place.snapshots['anna'] = place.snapshot('source', 'anna')
        pairs = place.new_pairs(['anna'], 'maildir', by_line=True)
        place.line.set_round_trip(5)
        floor = tools.Floor(f'{place.work}/floor', 60)
        found = floor.copy(pairs)
        self.assertEqual((found.failed, found.stopped), ('', False))
        self.assertEqual(place.compare(pairs, 'maildir'), (60, {}))
        self.check_emptied(place, pairs)
        self.assertEqual(found.seconds, max(found.more.values()))

    def check_emptied(self, place, pairs):
        """All files are still there, and those with mail take no room."""
        def sizes():
            home = f'{pairs[0].destination.folder}/home/{pairs[0].destination.login}'
            return {f'{folder}/{name}': os.path.getsize(f'{folder}/{name}')
                    for folder, _, names in os.walk(home) for name in names}
        before = sizes()
        place.empty(pairs)
        after = sizes()
        self.assertEqual(after.keys(), before.keys())
        mail = [path for path in after if '/cur/' in path or '/new/' in path]
        self.assertEqual(len(mail), 60)
        self.assertEqual([path for path in mail if after[path]], [])
        indexes = [path for path in after if os.path.basename(path).startswith('dovecot')]
        self.assertTrue(indexes and all(after[path] for path in indexes if before[path]))

    def test_copies_everything(self):
        self.check(tls=False)

    def test_copies_everything_over_tls(self):
        self.check(tls=True)


class ReportTest(unittest.TestCase):
    def row(self, tool, run, seconds, rtt=0, stopped=False):
        return {'began': '2026-11-21T10:00:00Z', 'machine': 'm', 'load': 1.2, 'place': '/tmp', 'options': '--tls', 'profile': 'small', 'rtt_ms': rtt, 'storage': 'maildir', 'tls': False, 'tool': tool,
                'run': run, 'seconds': seconds, 'cores_busy': 1.5, 'cpu_seconds': 1, 'memory_kib': 2048, 'messages': 2000, 'bytes': 10 ** 6,
                'arrived': 7, 'differences': {}, 'stopped': stopped, 'failed': ''}

    def test_ratio_is_the_median_of_the_ratios_to_the_floor_beside(self):
        rows = [self.row(*row) for row in (('floor', 0, 1), ('floor', 1, 10), ('floor', 2, 2), ('imapcopyd', 0, 2),
                                           ('imapcopyd', 1, 30), ('imapcopyd', 2, 5))]
        table = report.groups(rows)[0].table()
        self.assertIn('| imapcopyd | 5.00 s (2.50) | 0.500 s | 1.5 | 2 MiB | equal |', table)
        self.assertIn('| floor | 2.00 s |', table)

    def test_keeps_disk_and_memory_apart(self):
        rows = [self.row('floor', 0, 1), self.row('floor', 0, 2) | {'place': '/dev/shm'}]
        disk, memory = report.groups(rows)
        self.assertIn('| floor | 1.00 s |', disk.table())
        self.assertNotIn('in memory', disk.table())
        self.assertIn('folders, all mail in memory**', memory.table())
        self.assertIn('| floor | 2.00 s |', memory.table())

    def test_reads_rows_of_before_it_counted_cores(self):
        row = self.row('floor', 0, 1)
        del row['cores_busy']
        self.assertIn('| floor | 1.00 s | 0.500 s |  | 2 MiB | equal |', report.groups([row])[0].table())

    def test_says_what_was_stopped(self):
        table = report.groups([self.row('imapsync', 0, 60, stopped=True)])[0].table()
        self.assertIn('| imapsync | over 60 s: 7 of 2000 |', table)
        self.assertIn('stopped with 7 of 2000', table)

    def test_says_what_differs(self):
        row = self.row('mbsync', 0, 1)
        row['differences'] = {'changed': 2000, 'missing': 3, 'altered': 4}
        self.assertEqual(report.outcome(row), 'all messages changed, 3 messages missing, '
                         '4 differences of flags, dates, folders or subscriptions')

    def test_publishes_between_its_marks_only(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f'{folder}/README.md', 'w', encoding='utf-8') as file:
                file.write('above\n' + 'stale\n'.join(report.MARKS) + 'below\n')
            report.publish([self.row('floor', 0, 1)], f'{folder}/README.md', f'{folder}/speed.svg')
            with open(f'{folder}/README.md', encoding='utf-8') as file:
                text = file.read()
            self.assertTrue(os.path.exists(f'{folder}/speed.svg'))
        self.assertTrue(text.startswith('above\n' + report.MARKS[0]) and text.endswith(report.MARKS[1] + 'below\n'))
        self.assertIn('| floor | 1.00 s |', text)
        self.assertIn('Measured 2026-11-21 on m, at a load of 1.2 to 1.2:\n\n    tests/bench/run --tls\n', text)
        self.assertNotIn('stale', text)

    def test_plot_is_svg_with_a_line_for_each_program(self):
        rows = [self.row(tool, 0, seconds, rtt) for tool, seconds in (('floor', 1), ('imapcopyd', 0.37))
                for rtt in (0, 20, 100)]
        root = xml.etree.ElementTree.fromstring(report.plot(report.groups(rows)))
        lines = root.findall('{http://www.w3.org/2000/svg}polyline')
        self.assertEqual([len(line.get('points').split()) for line in lines], [3, 3])


if __name__ == '__main__':
    unittest.main()
