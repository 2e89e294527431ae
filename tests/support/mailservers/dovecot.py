"""Dovecot. Works as root and as anybody; its configuration may be bent by more options than the others'."""
import contextlib
import hashlib
import os
import secrets

from . import logins
from .packages import Kit, MailserverError, environment, replace_in_programs

LIBRARIES = 'usr/lib/dovecot'


def links_for(root):
    """Two short paths that stand for the library folder and for doveconf. Their lengths are those of the paths they
    replace inside the programs, 16 and at most 17 bytes."""
    mark = hashlib.sha256(f'{os.geteuid()} {root}'.encode()).hexdigest()[:8]
    return {f'/tmp/icd{mark}': os.path.join(root, LIBRARIES), f'/tmp/icc{mark}': os.path.join(root, 'usr/bin/doveconf')}


def relocate(root):
    """Dovecot has the folder of its libraries and modules built in. As it is not installed, the built-in path is
    overwritten, length for length, by that of a link in /tmp."""
    folder_link, doveconf_link = links_for(root)
    replacements = [(b'/usr/lib/dovecot', folder_link.encode()), (b'/usr/bin/doveconf', doveconf_link.encode() + b'\0')]
    replace_in_programs(root, replacements)


def make_links(root):
    for link, target in links_for(root).items():
        with contextlib.suppress(FileExistsError):
            os.symlink(target, link)
        # /tmp is for everybody: somebody else's link there must not decide what we run.
        if os.lstat(link).st_uid != os.geteuid() or os.readlink(link) != target:
            raise MailserverError(f'{link} exists and is not ours; remove it')


KIT = Kit('dovecot', ('dovecot-core', 'dovecot-imapd'),
          ('usr/sbin/dovecot', 'usr/bin/doveconf', 'usr/lib/dovecot/config', 'usr/lib/dovecot/log',
           'usr/lib/dovecot/anvil', 'usr/lib/dovecot/auth', 'usr/lib/dovecot/imap-login', 'usr/lib/dovecot/imap',
           'usr/lib/dovecot/stats', 'usr/lib/dovecot/modules/libssl_iostream_openssl.so'),
          LIBRARIES, relocate, make_links)


def configuration(options, directory, root):
    internal, group = logins.unprivileged_user()
    uid, gid = logins.mail_owner()
    as_root = os.geteuid() == 0
    login = 'daemon' if as_root else internal
    no_chroot = '' if as_root else 'chroot ='
    folder_link = next(iter(links_for(root)))
    lines = [f'''
protocols = imap
libexec_dir = {folder_link}
mail_plugin_dir = {folder_link}/modules
import_environment = TZ LD_LIBRARY_PATH={folder_link}
listen = {options.listen}
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
instance_name = imapcopyd-test-{options.port}
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
ssl = yes
ssl_cert = <{directory}/tls/server.pem
ssl_key = <{directory}/tls/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_master_user_separator = *
auth_failure_delay = 0
first_valid_uid = {uid}
mail_max_userip_connections = 500
mail_location = {options.storage}:~/{options.storage}
mail_fsync = optimized
verbose_proctitle = no
passdb {{
  driver = passwd-file
  args = {directory}/master.passwd
  master = yes
  result_success = continue-ok
}}
passdb {{
  driver = static
  username_filter = wrong*
  args = password={secrets.token_hex()}
  result_failure = return-fail
}}
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = {options.separator}
  prefix = {options.prefix}
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Junk {{
    special_use = \\Junk
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}
service imap-login {{
  service_count = 0
  client_limit = 2000
  process_limit = 4
  {no_chroot}
  inet_listener imap {{
    port = {options.port}
  }}
  inet_listener imaps {{
    port = {options.tls_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 1000
  client_limit = 1
  service_count = 100
}}
service anvil {{
  client_limit = 5000
  {no_chroot}
}}
service auth {{
  client_limit = 5000
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
service stats {{
  client_limit = 5000
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
''']
    if options.capability:
        lines.append(f'imap_capability = {options.capability}\n')
    lines += [line + '\n' for line in options.set or []]
    return ''.join(lines)



def prepare(options, directory, root):
    """Writes what the server needs into `directory`; returns the command to run there and its environment."""
    for folder in ('run', 'state'):
        os.makedirs(f'{directory}/{folder}', exist_ok=True)
    logins.give_to_mail_owner(f'{directory}/home')
    # What a killed Dovecot left behind, which must not be taken for a running one.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f'{directory}/run/master.pid')
    with open(f'{directory}/master.passwd', 'w', encoding='ascii') as file:
        file.write('master:{PLAIN}masterpass\n')
    with open(f'{directory}/dovecot.conf', 'w', encoding='utf-8') as file:
        file.write(configuration(options, directory, root))
    return [f'{root}/usr/sbin/dovecot', '-F', '-c', f'{directory}/dovecot.conf'], environment(KIT, root)
