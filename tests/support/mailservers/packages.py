"""Unpacks a server's Debian packages into a folder of our own and makes its programs run from there."""
import contextlib
import dataclasses
import fcntl
import glob
import os
import pwd
import re
import shutil
import subprocess


class MailserverError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Kit:
    """What one server is made of. Paths are relative to the folder that the packages are unpacked into."""
    name: str
    packages: tuple
    programs: tuple  # Those that must find all their libraries; the rest of the packages is not used.
    libraries: str = 'usr/lib/imapcopyd-tests'  # The folder of all libraries, for LD_LIBRARY_PATH.
    relocate: object = None  # Called with the root after unpacking.
    use: object = None  # Called with the root at each use.


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **options)
    if done.returncode:
        raise MailserverError(f'{" ".join(command[:3])} …: {done.stdout.strip()[-2000:]}')
    return done.stdout


def default_cache():
    if os.geteuid() == 0:
        return '/var/cache/imapcopyd-servers'  # The servers run as other users, who cannot enter root's home.
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(home, 'imapcopyd-servers')


def download(package, work):
    """Fetches one .deb into WORK/debs/PACKAGE; with package lists of our own where the system has none."""
    folder = os.path.join(work, 'debs', package)
    os.makedirs(folder)
    own_lists = os.path.join(work, 'lists')
    command = ['apt-get', '-q', '-o', 'APT::Sandbox::User=' + pwd.getpwuid(os.geteuid()).pw_name]
    if not os.path.isdir(own_lists):
        with contextlib.suppress(MailserverError):
            run(*command, 'download', package, cwd=folder)
            return glob.glob(os.path.join(folder, '*.deb'))[0]
    command += ['-o', f'Dir::State::lists={own_lists}', '-o', f'Dir::Cache={work}/apt']
    if not os.path.isdir(own_lists):
        os.makedirs(f'{own_lists}/partial')
        os.makedirs(f'{work}/apt/archives/partial')
        run(*command, 'update')
    run(*command, 'download', package, cwd=folder)
    return glob.glob(os.path.join(folder, '*.deb'))[0]


def unpack(package, work, root):
    """Unpacks `package` below `root`; returns its Depends field."""
    deb = download(package, work)
    run('dpkg-deb', '-x', deb, root)
    return run('dpkg-deb', '-f', deb, 'Depends')


def gather_libraries(folder, libraries):
    """Copies every library below `folder` into `libraries`."""
    os.makedirs(libraries, exist_ok=True)
    for library in glob.glob(f'{folder}/**/*.so.*', recursive=True):
        if os.path.dirname(library) != libraries:
            shutil.copy(library, libraries)


def missing_libraries(kit, root):
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(root, kit.libraries))
    missing = set()
    for program in kit.programs:
        listing = subprocess.run(['ldd', os.path.join(root, program)], env=environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=False).stdout
        missing.update(re.findall(r'^\s*(\S+) => not found', listing, re.M))
    # Some programs look into the folders of the modules too.
    return {name for name in missing if not glob.glob(f'{root}/**/{name}', recursive=True)}


def is_installed(package):
    status = subprocess.run(['dpkg-query', '-W', '-f', '${Status}', package], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return status == 'install ok installed'


def add_missing_libraries(kit, work, root, depends):
    """Unpacks the dependencies that the system lacks, and moves their libraries beside the server's own."""
    queue, seen = [depends], set(kit.packages)
    extra = os.path.join(work, 'extra')
    libraries = os.path.join(root, kit.libraries)
    while queue and missing_libraries(kit, root):
        for name in re.findall(r'(?:^|,)\s*([a-z0-9.+-]+)', queue.pop(0)):
            if name in seen or not name.startswith('lib') or is_installed(name):
                continue
            seen.add(name)
            queue.append(unpack(name, work, extra))
            gather_libraries(extra, libraries)
    missing = missing_libraries(kit, root)
    if missing:
        raise MailserverError(f'libraries that no dependency of {kit.name} provides: ' + ' '.join(sorted(missing)))


def replace_in_programs(root, replacements):
    """Overwrites paths that are built into the programs and libraries below `root`, length for length."""
    assert all(len(old) == len(new) for old, new in replacements)
    for path, _, names in os.walk(root):
        for name in names:
            file = os.path.join(path, name)
            if os.path.islink(file):
                continue
            with open(file, 'rb') as stream:
                data = stream.read()
            if not data.startswith(b'\x7fELF'):
                continue
            for old, new in replacements:
                data = data.replace(old, new)
            with open(file, 'wb') as stream:
                stream.write(data)


def fetch(kit, cache):
    """Makes sure that the server is unpacked below `cache`; returns its root folder."""
    cache = os.path.realpath(cache)
    root = os.path.join(cache, kit.name)
    os.makedirs(cache, mode=0o755, exist_ok=True)
    with open(os.path.join(cache, 'lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(root, 'complete')):
            shutil.rmtree(root, ignore_errors=True)
            work = os.path.join(cache, 'work')
            shutil.rmtree(work, ignore_errors=True)
            os.makedirs(root, mode=0o755)
            depends = ','.join(unpack(package, work, root) for package in kit.packages)
            gather_libraries(root, os.path.join(root, kit.libraries))
            add_missing_libraries(kit, work, root, depends)
            if kit.relocate:
                kit.relocate(root)
            shutil.rmtree(work)
            with open(os.path.join(root, 'complete'), 'w', encoding='ascii'):
                pass
        if kit.use:
            kit.use(root)
    return root


def environment(kit, root, **more):
    return {'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'LD_LIBRARY_PATH': os.path.join(root, kit.libraries),
            **more}
