"""Courier. Its programs are configured by their environment; who may log in is asked at a socket of ours, whose built-in
path becomes one relative to the server's folder. Speaks no TLS here."""
import os
import sys

from .packages import Kit, environment, replace_in_programs

KIT_PROGRAMS = ('usr/sbin/couriertcpd', 'usr/lib/courier/courier/imaplogin', 'usr/bin/imapd')
SOCKET = b'/run/courier/authdaemon/socket'


def in_halves(path):
    """How the compiler keeps a string of 30 bytes: in two pieces of 16 that overlap."""
    text = path + b'\0'
    return text[:16] + text[-16:]


def relocate(root):
    ours = b'./' * 13 + b'auth'
    replace_in_programs(root, [(in_halves(SOCKET), in_halves(ours))])


KIT = Kit('courier', ('courier-imap', 'courier-base', 'courier-authlib'), KIT_PROGRAMS, relocate=relocate)
CAPABILITY = ('IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE')
# What /etc/courier/imapd sets; imaplogin and imapd read it from their environment.
SETTINGS = {'IMAP_KEYWORDS': '1', 'IMAP_ACL': '0', 'IMAP_TLS_REQUIRED': '0', 'IMAP_CHECK_ALL_FOLDERS': '0',
            'IMAP_OBSOLETE_CLIENT': '0', 'IMAP_UMASK': '022', 'IMAP_MAILBOX_SANITY_CHECK': '1', 'IMAP_EMPTYTRASH': '',
            'IMAP_MOVE_EXPUNGE_TO_TRASH': '0', 'IMAP_USELOCKS': '0', 'IMAP_SHAREDINDEXFILE': '', 'IMAPDEBUGFILE': '',
            'IMAP_ENHANCEDIDLE': '0', 'IMAP_IDLE_TIMEOUT': '60', 'IMAP_DISABLETHREADSORT': '0', 'MAILDIRPATH': 'Maildir'}


def prepare(options, directory, root):
    """Writes what the server needs into `directory`; returns the command to run there and its environment."""
    os.makedirs(f'{directory}/home', exist_ok=True)
    listening = [f'{root}/usr/sbin/couriertcpd', f'-address={options.listen}', '-maxprocs=500', '-maxperip=500',
                 '-maxperc=500', '-nodnslookup', '-noidentlookup', str(options.port)]
    serving = [f'{root}/usr/lib/courier/courier/imaplogin', f'{root}/usr/bin/imapd', 'Maildir']
    login = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'any_login.py')
    command = [sys.executable, login, 'authdaemon', f'{directory}/auth', f'{directory}/home', *listening, *serving]
    capability = options.capability or CAPABILITY
    return command, environment(KIT, root, IMAP_CAPABILITY=capability, IMAP_CAPABILITY_ORIG=capability,
                                AUTHMODULES='authdaemon', GAM_CLIENT_ID=str(options.port), **SETTINGS)
