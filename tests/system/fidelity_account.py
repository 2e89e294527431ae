"""What a plain client can store on a server, and what it finds there. Knows nothing of imapcopyd."""
import collections
import hashlib
import re
import time

from stage import PASSWORD, Account, Imap, quote
from torture_kills import compare_mail

from fidelity_corpus import Folder, Mail
from imap_client import ImapError, decode_name, encode_name  # Found beside what the stage brings.

BATCH_MESSAGES = 500
CREATED_OTHERWISE = 'created under another name'
ODD = re.compile(r'[^A-Za-z0-9$._-]')
FETCHED = re.compile(rb'UID (\d+)')
DATE = re.compile(rb'INTERNALDATE "([^"]*)"')

# One message as a server gives it. `content` is the digest with all line ends alike, and none at the end.
Held = collections.namedtuple('Held', 'uid digest content date flags mail')
# What became of one message of the corpus: `held` is None where it was refused; `words` are the server's. A date of None
# is the time of the upload.
Stored = collections.namedtuple('Stored', 'held dropped words')
# What became of a folder: `name` is where it is; `words` tell why not under its own.
Place = collections.namedtuple('Place', 'name words messages')


def same_line_ends(body):
    return body.replace(b'\r\n', b'\n').replace(b'\r', b'\n').replace(b'\n', b'\r\n').rstrip(b'\r\n')


def read_held(response, with_mail):
    """The message of one FETCH response, or None."""
    message = compare_mail.read_message(response)
    if message is None:
        return None
    words, body = b' '.join(response[0::2]), response[1]
    flags = re.search(rb'FLAGS \(([^)]*)\)', words).group(1).decode().split()
    mail = Mail('', [flag for flag in flags if flag != '\\Recent'], DATE.search(words).group(1).decode(), body)
    return Held(int(FETCHED.search(words).group(1)), message.digest, hashlib.sha256(same_line_ends(body)).digest(),
                message.date, message.flags, mail if with_mail else None)


class Client:
    """One connection. Folders are named by their levels."""

    def __init__(self, server, login):
        self.imap = Imap(Account(f'127.0.0.1:{server.port}:{login}:{PASSWORD}'))

    def close(self):
        self.imap.close()

    def raw(self, levels):
        if levels == ('INBOX',):
            return b'INBOX'
        return encode_name(self.imap.prefix + (self.imap.separator or '/').join(levels))

    def levels(self, folder):
        name = decode_name(folder.raw)
        if name.upper() == 'INBOX':
            return ('INBOX',)
        # Where the prefix is "INBOX.", "INBOX.INBOX" is another folder than INBOX.
        if name.startswith(self.imap.prefix) and name[len(self.imap.prefix):].upper() != 'INBOX':
            name = name[len(self.imap.prefix):]
        return tuple(name.split(self.imap.separator)) if self.imap.separator else (name,)

    def listed(self, verb=b'LIST'):
        """Levels → Folder of imap_client."""
        return {self.levels(folder): folder for folder in self.imap.folders(verb)}

    def capabilities(self):
        return set(self.imap.command(b'CAPABILITY')[0][0].split())

    def attempt(self, *pieces):
        """None, or the words with which the server refused."""
        try:
            self.imap.command(*pieces)
        except ImapError as error:
            return words_of(error)
        return None

    def fetch(self, raw, with_mail=False):
        found = []
        exists = self.imap.command(b'EXAMINE ' + quote(raw))
        if not any(response[0] == b'* 0 EXISTS' for response in exists):
            def each(response):
                held = read_held(response, with_mail)
                if held:
                    found.append(held)
            self.imap.command(b'UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])', each=each)
        return sorted(found)

    def append_once(self, raw, flags, date, body):
        """None, or the words with which the server refused."""
        date = b' "' + date.encode() + b'"' if date else b''
        tag = self.imap.send(b'APPEND %s (%s)%s {%d}' % (quote(raw), ' '.join(flags).encode(), date, len(body)))
        while not (answer := self.imap.read_response()[0]).startswith(b'+'):
            if answer.startswith(tag + b' '):
                return words_of(answer.decode(errors='replace'))
        self.imap.connection.sendall(body + b'\r\n')
        try:
            self.imap.finish(tag)
        except ImapError as error:
            return words_of(error)
        return None

    def append_together(self, raw, mails):
        if len(mails) == 1:
            self.append_once(raw, *mails[0][1:])
            return
        pieces = [b' (%s) "%s" {%d+}\r\n%s' % (' '.join(mail.flags).encode(), mail.date.encode(), len(mail.body),
                                               mail.body) for mail in mails]
        self.imap.command(b'APPEND ', quote(raw), *pieces)

    def append(self, raw, mail):
        """As much of it as the server takes: (what was dropped, the words of the first refusal, or None)."""
        first = None
        for dropped, flags, date in reductions(mail):
            words = self.append_once(raw, flags, date, mail.body)
            if words is None:
                return dropped, first
            first = first or words
        return None, first

    def status(self):
        """Levels → what tells whether anything was added or removed."""
        return {levels: self.imap.command(b'STATUS ' + quote(folder.raw) + b' (MESSAGES UIDNEXT UIDVALIDITY)')
                for levels, folder in self.listed().items() if folder.selectable}


def words_of(error):
    """What stands behind tag, NO and response code."""
    text = re.sub(r'^\S+ (NO|BAD) (\[[^\]]*\] )?', '', str(error)).strip()
    return re.sub(r' \(\d[\d. +]*secs\)\.$', '', text)  # Dovecot tells how long it took.


def reductions(mail):
    """Best first: a date can be as odd as a keyword."""
    plain = [flag for flag in mail.flags if flag.startswith('\\') or not ODD.search(flag)]
    system = [flag for flag in mail.flags if flag.startswith('\\')]
    tried = set()
    for date in (mail.date, None):
        for flags in (mail.flags, plain, system):
            dropped = (() if flags == mail.flags else ('keywords',)) + (() if date else ('date',))
            if (date, tuple(flags)) not in tried:
                tried.add((date, tuple(flags)))
                yield dropped, flags, date


def create_all(client, folders):
    """Levels → the words with which the server refused the name, or None."""
    words = {folder.levels: client.attempt(b'CREATE ', quote(client.raw(folder.levels))) for folder in folders
             if folder.levels != ('INBOX',)}
    listed = client.listed()
    return {('INBOX',): None, **{levels: refusal or (None if levels in listed else CREATED_OTHERWISE)
                                 for levels, refusal in words.items()}}


def fill(client, folders):
    """Stores the corpus as well as the server allows: levels → Place. A folder whose name is refused, or becomes
    another one, gets a plain name."""
    places, begin = {}, time.time() - 1
    refusals = create_all(client, folders)
    for number, folder in enumerate(folders):
        name, words = folder.levels, refusals[folder.levels]
        if words is not None:
            name = (f'spare {number}',)
            client.imap.command(b'CREATE ', quote(client.raw(name)))
        raw = client.raw(name)
        if folder.subscribed:
            client.attempt(b'SUBSCRIBE ', quote(raw))
        outcomes = [client.append(raw, mail) for mail in folder.mails]
        places[folder.levels] = Place(name, words, stored(folder.mails, client.fetch(raw), outcomes, begin))
    return places


def stored(mails, held, outcomes, begin):
    """Servers list messages in the order in which they were stored."""
    rest, found = iter(held), []
    for mail, (dropped, words) in zip(mails, outcomes):
        message = None if dropped is None else next(rest)
        if message and message.date != instant(mail) and begin < message.date < time.time() + 1:
            message = message._replace(date=None)
        found.append(Stored(message, dropped, words))
    return found


def instant(mail):
    return compare_mail.instant(b'INTERNALDATE "%s"' % mail.date.encode())


def seed(client, folders):
    """Stores what the server takes as it is; returns lines that tell what it does not."""
    left_out = []
    refusals = create_all(client, folders)
    for folder in folders:
        raw, words = client.raw(folder.levels), refusals[folder.levels]
        if words is not None:
            left_out.append(f'folder "{"/".join(folder.levels)[:40]}" ({words})')
            continue
        if folder.subscribed:
            client.attempt(b'SUBSCRIBE ', quote(raw))
        for mail in folder.mails:
            words = client.append_once(raw, mail.flags, mail.date, mail.body)
            if words is not None:
                left_out.append(f'{mail.label[:40]} ({words})')
    return left_out


def seed_many(client, folders):
    """Mail that every server takes, many in a command where the server allows that."""
    together = BATCH_MESSAGES if {b'MULTIAPPEND', b'LITERAL+'} <= client.capabilities() else 1
    for folder in folders:
        raw = client.raw(folder.levels)
        client.imap.command(b'CREATE ', quote(raw))
        for i in range(0, len(folder.mails), together):
            client.append_together(raw, folder.mails[i:i + together])


def read_corpus(client):
    """What the server gives of the corpus, as another corpus, and levels → its messages as they stand."""
    subscribed = client.listed(b'LSUB').keys()
    folders, held = [], {}
    for levels, folder in sorted(client.listed().items()):
        if not folder.selectable:
            continue
        held[levels] = client.fetch(folder.raw, with_mail=True)
        folders.append(Folder(levels, [message.mail for message in held[levels]], levels in subscribed))
    return folders, held
