"""GNU Mailutils imap4d. Its users are those of a passwd file of ours, by libnss-wrapper: user0 to user99 and the ones
named by --users. Speaks no TLS here.

Mail is stored as MH: of two messages that came within one second, imap4d's Maildir sometimes takes the second for the
first, and then gives the folder another UIDVALIDITY each time that it is opened."""
import glob
import os

from . import logins
from .packages import Kit, environment, run

KIT = Kit('imap4d', ('mailutils-imap4d', 'libmailutils9', 'libnss-wrapper'), ('usr/sbin/imap4d',))


def configuration(options, directory):
    return f'''
foreground yes;
pidfile {directory}/pid;
mode daemon;
max-children 200;
server {options.listen}:{options.port} {{
}}
auth {{
  authentication generic;
  authorization system;
}}
mailbox {{
  mailbox-pattern "mh:{directory}/home/${{user}}/INBOX";
  mailbox-type mh;
}}
namespace personal {{
  prefix "" {{
    directory "{directory}/home/${{user}}/folders";
    delimiter "/";
    mailbox-type mh;
  }}
}}
logging {{
  syslog no;
  print-severity yes;
}}
'''


def write_users(options, directory):
    uid, gid = logins.mail_owner()
    password = run('openssl', 'passwd', '-6', logins.PASSWORD).strip()
    names = {f'user{i}' for i in range(100)} | set(filter(None, options.users.split(',')))
    passwd = []
    for name in sorted(names):
        passwd.append(f'{name}:{password}:{uid}:{gid}::{directory}/home/{name}:/bin/sh\n')
        for folder in ('', '/folders', '/INBOX'):
            logins.give_to_mail_owner(f'{directory}/home/{name}{folder}')
    for file_name, lines in (('passwd', passwd), ('group', [f'mail:x:{gid}:\n'])):
        with open(f'{directory}/{file_name}', 'w', encoding='ascii') as file:
            file.write(''.join(lines))


def prepare(options, directory, root):
    """Writes what the server needs into `directory`; returns the command to run there and its environment."""
    write_users(options, directory)
    with open(f'{directory}/imap4d.conf', 'w', encoding='ascii') as file:
        file.write(configuration(options, directory))
    wrapper, = glob.glob(f'{root}/usr/lib/*/libnss_wrapper.so')
    return ([f'{root}/usr/sbin/imap4d', '--no-site-config', f'--config-file={directory}/imap4d.conf'],
            environment(KIT, root, LD_PRELOAD=wrapper, NSS_WRAPPER_PASSWD=f'{directory}/passwd',
                        NSS_WRAPPER_GROUP=f'{directory}/group'))
