"""Cyrus. All its paths are configurable; who may log in is asked at a socket of ours."""
import os
import shutil
import sys
import sysconfig

from . import logins
from .packages import Kit, environment

BIN = 'usr/lib/cyrus/bin'
KIT = Kit('cyrus', ('cyrus-imapd', 'cyrus-common', 'libsasl2-modules'),
          tuple(f'{BIN}/{program}' for program in ('master', 'imapd', 'ctl_cyrusdb')))


def configuration(options, directory, user, group):
    return f'''
configdirectory: {directory}/state
defaultpartition: default
partition-default: {directory}/mail
cyrus_user: {user}
cyrus_group: {group}
admins: cyrus
mboxname_lockpath: {directory}/run/lock
proc_path: {directory}/run/proc
idlesocket: {directory}/run/idle
temp_path: {directory}/run
servername: localhost
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {directory}/run/login
sasl_log_level: 1
allowplaintext: yes
autocreate_quota: 0
autocreate_users: anyone
altnamespace: {'no' if options.prefix else 'yes'}
unixhierarchysep: {'yes' if options.separator == '/' else 'no'}
maxlogins_per_user: 0
tls_server_cert: {directory}/tls/server.pem
tls_server_key: {directory}/tls/server.key
''' + ''.join(line + '\n' for line in options.set or [])


def services(options, directory, root):
    imapd = f'{root}/{BIN}/imapd -C {directory}/imapd.conf'
    return f'''
START {{
  recover cmd="{root}/{BIN}/ctl_cyrusdb -C {directory}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{imapd}" listen="{options.listen}:{options.port}" prefork=0 proto="tcp4"
  imaps cmd="{imapd} -s" listen="{options.listen}:{options.tls_port}" prefork=0 proto="tcp4"
}}
EVENTS {{
}}
'''


def prepare(options, directory, root):
    """Writes what the server needs into `directory`; returns the command to run there and its environment."""
    user, group = logins.unprivileged_user()
    for folder in ('state', 'mail', 'run', 'run/proc', 'run/lock'):
        os.makedirs(f'{directory}/{folder}', exist_ok=True)
        shutil.chown(f'{directory}/{folder}', user, group)
    with open(f'{directory}/imapd.conf', 'w', encoding='utf-8') as file:
        file.write(configuration(options, directory, user, group))
    with open(f'{directory}/cyrus.conf', 'w', encoding='utf-8') as file:
        file.write(services(options, directory, root))
    login = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'any_login.py')
    command = [sys.executable, login, 'saslauthd', f'{directory}/run/login', directory, f'{root}/{BIN}/master', '-C',
               f'{directory}/imapd.conf', '-M', f'{directory}/cyrus.conf', '-p', f'{directory}/run/pid']
    plugins = f'{root}/usr/lib/{sysconfig.get_config_var("MULTIARCH")}/sasl2'
    return command, environment(KIT, root, SASL_PATH=plugins)
