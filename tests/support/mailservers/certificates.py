"""A certificate authority of the server's own, and a certificate for localhost and 127.0.0.1."""
import os

from .packages import run


def make_certificates(folder):
    if os.path.exists(f'{folder}/server.pem'):
        return
    os.makedirs(folder, exist_ok=True)
    run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=imapcopyd test CA',
        '-keyout', f'{folder}/ca.key', '-out', f'{folder}/ca.pem')
    run('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', f'{folder}/server.key',
        '-out', f'{folder}/server.csr')
    with open(f'{folder}/extensions', 'w', encoding='ascii') as file:
        file.write('subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n')
    run('openssl', 'x509', '-req', '-in', f'{folder}/server.csr', '-CA', f'{folder}/ca.pem', '-CAkey',
        f'{folder}/ca.key', '-CAcreateserial', '-days', '3650', '-extfile', f'{folder}/extensions', '-out',
        f'{folder}/server.pem')
    os.chmod(f'{folder}/server.key', 0o644)  # Cyrus reads it as an unprivileged user.
