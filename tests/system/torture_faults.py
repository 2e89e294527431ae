"""Single faults at every byte, reply and write, and random runs of several: builds tests/faults and runs it on all cores.

Used by tests/torture, which is the program to call.
"""
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESET = 'torture'
EXPLORER = ROOT / 'build' / PRESET / 'bin' / 'fault_explorer'
TALLY = re.compile(r'^(\d+) .*: (\d+) violations$')


def compiler_cache():
    """The environment for a build that keeps what it compiles, also with a precompiled header and in another folder."""
    return os.environ | {
        'CMAKE_CXX_COMPILER_LAUNCHER': 'ccache',
        'CCACHE_SLOPPINESS': 'pch_defines,time_macros,include_file_mtime,include_file_ctime',
        'CCACHE_NOHASHDIR': '1',
    }


def build(*targets, root=ROOT, quiet=False):
    """Configures and builds in `root`; exits with the compiler's words if that fails."""
    environment = compiler_cache() | {'CCACHE_BASEDIR': str(root)}
    commands = (['cmake', '--preset', PRESET], ['cmake', '--build', '--preset', PRESET, '--target', *targets])
    for command in commands:
        done = subprocess.run(command, cwd=root, env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f'{" ".join(command)} failed:\n{done.stdout[-4000:]}')
    if not quiet:
        print(f'built {", ".join(targets)}', flush=True)


def run_parts(commands):
    """Runs the explorers side by side. Prints what they find; returns how many cases ran and how many went wrong."""
    running = [subprocess.Popen(command, text=True, stdout=subprocess.PIPE) for command in commands]
    cases = violations = 0
    for process, command in zip(running, commands):
        output = process.communicate()[0].splitlines()
        tally = TALLY.match(output[-1]) if output else None
        # A part that dies on its way has tested nothing that may be counted.
        if tally is None:
            print(f'{" ".join(map(str, command))} ended with status {process.returncode}', *output, sep='\n')
            violations += 1
            continue
        print(*output[:-1], sep='\n', end='\n' if len(output) > 1 else '')
        cases += int(tally[1])
        violations += int(tally[2])
    return cases, violations


def report(kind, started, cases, violations):
    print(f'{cases} {kind}: {violations} violations ({time.monotonic() - started:.0f} s)', flush=True)
    return 1 if violations or not cases else 0


def add_faults_arguments(parser):
    parser.add_argument('--sample', type=int, default=7, metavar='N',
                        help='every N-th fault only (default: 7, a prime, so that no kind is left out; 1: all of them)')
    parser.add_argument('--one', metavar='CASE', help='replay one case by its name, with the whole conversation')


def faults(options):
    """Single faults, one at a time. Returns the exit status."""
    build('fault_explorer')
    if options.one:
        return subprocess.run([EXPLORER, 'one', options.one], check=False).returncode
    parts = os.cpu_count() or 1
    started = time.monotonic()
    commands = [[EXPLORER, 'faults', '--part', f'{i}/{parts}', '--sample', str(options.sample)] for i in range(parts)]
    return report('fault points', started, *run_parts(commands))


def add_random_arguments(parser):
    parser.add_argument('--seconds', type=int, default=60, metavar='S', help='how long (default: 60)')
    parser.add_argument('--seed', type=int, default=None, metavar='X', help='the first seed (default: from the clock)')


def random_runs(options):
    """One to eight faults at a time in larger worlds. Returns the exit status."""
    build('fault_explorer')
    first = options.seed if options.seed is not None else time.time_ns() % 10**9 + 1
    print(f'first seed {first}; replay a case with: tests/torture faults --one seed:NUMBER', flush=True)
    parts = os.cpu_count() or 1
    started = time.monotonic()
    # Far enough apart that two parts never run the same seed.
    commands = [[EXPLORER, 'random', '--seconds', str(options.seconds), '--seed', str(first + i * 10**9)]
                for i in range(parts)]
    return report('random runs', started, *run_parts(commands))
