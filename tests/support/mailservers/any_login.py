#!/usr/bin/python3
"""any_login - runs a mail server, and answers the questions of its login process.

  any_login saslauthd|authdaemon SOCKET HOME COMMAND …

saslauthd is the protocol that Cyrus SASL asks in, authdaemon that of Courier. Every login has the password "pass", but
for those that begin with "wrong". Ends with the server, and SIGTERM is passed on to it.
"""
import os
import pwd
import re
import signal
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
from mailservers import logins  # noqa: E402


def read_counted(file):
    size, = struct.unpack('!H', file.read(2))
    return file.read(size).decode(errors='replace')


def answer_saslauthd(file, _home):
    login, password, _service, _realm = (read_counted(file) for _ in range(4))
    answer = b'OK' if logins.is_right(login, password) else b'NO'
    file.write(struct.pack('!H', len(answer)) + answer)


def courier_account(login, home):
    uid, gid = logins.mail_owner()
    folder = f'{home}/{login}'
    if not os.path.isdir(folder):
        for name in ('', '/Maildir', '/Maildir/tmp', '/Maildir/new', '/Maildir/cur'):
            logins.give_to_mail_owner(folder + name)
    return (f'UID={uid}\nGID={gid}\nHOME={folder}\nADDRESS={login}\nNAME={login}\nMAILDIR={folder}/Maildir\n.\n').encode()


def answer_authdaemon(file, home):
    line = file.readline()
    while line.startswith(b'TCPREMOTEIP='):
        line = file.readline()
    verb, size = line.split()
    if verb != b'AUTH':
        file.write(b'FAIL\n')
        return
    words = file.read(int(size)).decode(errors='replace').split('\n')  # Service, kind of login, login, password.
    right = words[1] == 'login' and logins.is_right(*words[2:4]) and re.fullmatch(r'[\w.@+-]+', words[2])
    file.write(courier_account(words[2], home) if right else b'FAIL\n')


def serve(listener, answer, home):
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile('rwb') as file:
            try:
                answer(file, home)
            except (OSError, ValueError, IndexError, struct.error) as error:
                print(f'any_login: {error!r}', file=sys.stderr, flush=True)


def refuse_to_watch_files():
    """Courier's imapd asks a service, at a socket named by user and GAM_CLIENT_ID, to watch its folders. Where nobody
    listens it waits for more than a second at every login; told no, it goes on without."""
    uid = logins.mail_owner()[0]
    name = next((user.pw_name for user in pwd.getpwall() if user.pw_uid == uid), '')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f'\0/tmp/fam-{name}-{os.environ["GAM_CLIENT_ID"]}'.ljust(108, '\0'))
    listener.listen(100)
    while True:
        listener.accept()[0].close()


def main():
    protocol, path, home, *command = sys.argv[1:]
    answer = {'saslauthd': answer_saslauthd, 'authdaemon': answer_authdaemon}[protocol]
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(100)
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(signal.SIGTERM))
    threading.Thread(target=serve, args=(listener, answer, home), daemon=True).start()
    if 'GAM_CLIENT_ID' in os.environ:
        threading.Thread(target=refuse_to_watch_files, daemon=True).start()
    sys.exit(server.wait())


if __name__ == '__main__':
    main()
