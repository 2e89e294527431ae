"""The corpus of tests/torture fidelity: what mail, dates, keywords and folder names can be at worst.

A folder is named by its levels, since one of them may hold what separates levels on some server.
"""
import collections

Mail = collections.namedtuple('Mail', 'label flags date body')
Folder = collections.namedtuple('Folder', 'levels mails subscribed')

DATE = '17-Jul-2019 10:00:00 +0200'
MANY_FOLDERS, MANY_MESSAGES = 1000, 50_000
LONG = ('Many', 'long')

DATES = ['01-Jan-1970 00:00:00 +0000', '31-Dec-1969 23:59:59 +0000', '28-Feb-1965 12:00:00 +0100',
         '14-Dec-1901 00:00:00 +0000', '01-Jan-1900 00:00:00 +0000', '19-Jan-2038 03:14:07 +0000',
         '19-Jan-2038 03:14:08 +0000', '07-Feb-2106 06:28:17 +0000', '31-Dec-2199 23:59:59 +0000',
         '31-Dec-9999 23:59:59 +0000', '29-Feb-2020 23:59:59 +1400', '01-Jan-2021 00:00:00 -1200',
         '01-Mar-2021 00:30:00 +0545', ' 1-Apr-2021 01:02:03 -0330']

KEYWORDS = [['$Forwarded', 'NonJunk'], ["!#&'+,-./:;<=>?@^_`|}~"], ['[odd', 'Plain'], ['&AOk-'], ['k' * 100],
            ['UPPER', 'lower', 'MiXed'], ['$MDNSent', '$Junk', 'Junk', '$Phishing'], ['0'], ['a.b', 'a:b', 'a/b'],
            [f'label{i}' for i in range(40)]]
ALL_SYSTEM_FLAGS = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen']

NAMES = ['R&D', '&', '&AOk-', '~tilde', '~root', 'with/slash', 'dot.dot', '.hidden', '..', 'back\\slash', 'quo"te',
         'star*', 'per%cent', 'br[ack]et', '{5}', '(NIL)', 'NIL', "it's", '#news', '-dash', 'a  b', '100 % *', 'tmp',
         'cur', 'new', '日本語 受信箱', '简体中文', 'emoji 📬🇪🇺', 'Cafe\u0301', 'Caf\u00e9', 'שלום', ' leading', 'trailing ',
         ' ', 'x' * 200, '長' * 200, 'Case', 'case', 'CASE', '\u00c4rger', '\u00e4rger', 'soft\u00adhyphen',
         'semi;colon,comma=equals+plus', '<angle>|pipe?', '\u212bngstr\u00f6m', 'user.name@example.org']
NESTED = [tuple(f'level {i}' for i in range(1, 11)), ('R&D', 'A~B', '日本語', '[50 %]', 'a*b', "it's", '📬', 'x', ' y', 'z '),
          ('No mail of its own', 'Child'), ('INBOX', 'Child of INBOX'), ('Lists', 'INBOX')]


def head(label, *more):
    return (f'Message-ID: <{label.replace(" ", "-")}@fidelity.example.org>\r\nDate: Wed, 17 Jul 2019 10:00:00 +0200\r\n'
            f'From: anna@example.org\r\nSubject: {label}\r\n').encode() + b''.join(more) + b'\r\n'


def odd_bodies(large_bytes):
    """Label → bytes."""
    line = b'0123456789' * 7 + b'\r\n'
    silent = b'From: bot@example.org\r\nSubject: no Message-ID, no Date\r\n\r\n'
    return {
        'plain': head('plain') + b'Hello.\r\n',
        'no Message-ID': b'Date: Wed, 17 Jul 2019 10:00:00 +0200\r\nSubject: none\r\n\r\nnone\r\n',
        'neither Message-ID nor Date': silent + b'one\r\n',
        'neither, and another body': silent + b'two\r\n',
        'a borrowed Message-ID': head('plain') + b'Hello, with other words.\r\n',
        'a borrowed Message-ID, same size': head('plain') + b'Howdy.\r\n',
        'empty body': head('empty body'),
        'head only': head('head only')[:-2],
        'no final line end': head('no final line end') + b'The end',
        'no final line end in the head': head('no final line end in the head')[:-4],
        'bare LF': head('bare LF') + b'one\ntwo\r\nthree\n',
        'bare LF only': head('bare LF only').replace(b'\r\n', b'\n') + b'one\ntwo\n',
        'bare CR': head('bare CR') + b'one\rtwo\r\r\nthree\r',
        'CR LF reversed': head('CR LF reversed') + b'one\n\rtwo\r\n',
        'empty lines at the end': head('empty lines at the end') + b'text\r\n\r\n\r\n\r\n',
        'only a line end': b'\r\n',
        'no head': b'\r\nOnly a body.\r\n',
        'no colon in the head': b'This is no header\r\nNor is this\r\n\r\ntext\r\n',
        'nothing at all': b'',
        'Latin-1 in the head': head('Latin-1 in the head', b'X-Name: J\xf6rg M\xfcller\r\n') + b'text\r\n',
        'Latin-1 in the subject': b'Message-ID: <latin1@fidelity.example.org>\r\nSubject: Gr\xf6\xdfe\r\n\r\ntext\r\n',
        'UTF-8 in the head': head('UTF-8 in the head', 'X-Name: Jörg 日本語 📬\r\n'.encode()) + 'ä 日本\r\n'.encode(),
        'UTF-8 in the subject': 'Message-ID: <u@example.org>\r\nSubject: Größe 📬\r\n\r\ntext\r\n'.encode(),
        'all bytes but NUL, CR, LF': head('all bytes') + bytes(set(range(1, 256)) - {10, 13}) + b'\r\n',
        'NUL in the body': head('NUL in the body') + b'zero \0 byte\r\n',
        'NUL in the head': head('NUL in the head', b'X-Nul: a\0b\r\n') + b'text\r\n',
        'control bytes in the head': head('control bytes in the head', b'X-Bell: a\x07\x1b[31mb\r\n') + b'text\r\n',
        'a folded head': head('a folded head', b'X-Fold: one\r\n two\r\n\tthree\r\n \r\n four\r\n') + b'text\r\n',
        'a line of 20 kB in the head': head('a long head', b'X-Long: ' + b'y' * 20_000 + b'\r\n') + b'text\r\n',
        'a head of 300 kB': head('a large head', *(b'X-%05d: ' % i + line for i in range(4000))) + b'text\r\n',
        'lines that begin with From and dots': head('mbox traps') + b'From here\r\n>From there\r\n.\r\n..\r\n.x\r\n',
        'From line on top': b'From a@example.org Wed Jul 17 10:00:00 2019\r\n' + head('From on top') + b'text\r\n',
        'looks like IMAP': head('looks like IMAP') + b'a1 OK done\r\n* BYE\r\n)\r\n{5}\r\n{5+}\r\n+ go on\r\n',
        'a boundary that never ends': head('mime', b'Content-Type: multipart/mixed; boundary="b"\r\n') + b'--b\r\n',
        'a line of 1 MiB': head('a line of 1 MiB') + b'w' * (1 << 20) + b'\r\n',
        'exactly 4,096 bytes': (head('4096') + line * 60)[:4094] + b'\r\n',
        f'{large_bytes >> 20} MiB': head('large') + line * (large_bytes // len(line)),
    }


def inbox(large_bytes):
    mails = [Mail(label, ['\\Seen'], DATE, body) for label, body in odd_bodies(large_bytes).items()]
    twice = head('exact duplicate') + b'twice\r\n'
    mails += [Mail('exact duplicate', ['\\Seen'], DATE, twice)] * 2
    mails.append(Mail('duplicate with other flags and date', ['\\Flagged'], '18-Jul-2019 10:00:00 +0200', twice))
    return mails


def dated():
    mails = [Mail(f'date {date}', [], date, head(f'dated {i}') + b'date\r\n') for i, date in enumerate(DATES)]
    both = Mail('odd date and keywords', ['\\Seen', '$Forwarded', '[odd'], DATES[2], head('odd both') + b'both\r\n')
    return [*mails, both]


def flagged():
    sets = [[], ALL_SYSTEM_FLAGS, *([flag] for flag in ALL_SYSTEM_FLAGS), *KEYWORDS]
    return [Mail(f'flags {" ".join(flags)[:40]}', flags, DATE, head(f'flagged {i}') + b'flags\r\n')
            for i, flags in enumerate(sets)]


def folders(large_bytes):
    """The whole corpus; every folder whose name is odd holds one message."""
    named = [Folder(levels, [Mail('in an odd folder', [], DATE, head(f'in folder {i}') + b'here\r\n')], i % 2 == 0)
             for i, levels in enumerate([*((name,) for name in NAMES), *NESTED])]
    return [Folder(('INBOX',), inbox(large_bytes), True), Folder(('Dates',), dated(), True),
            Folder(('Flags',), flagged(), True), Folder(('Empty',), [], True), *named]


def many():
    """1,000 folders with one message each, and one folder of 50,000."""
    def mail(label):
        return Mail(label, ['\\Seen'], DATE, head(label) + b'one of many\r\n')
    wide = [Folder(('Many', f'{i // 100}', f'folder {i}'), [mail(f'wide {i}')], False) for i in range(MANY_FOLDERS)]
    return [*wide, Folder(LONG, [mail(f'long {i}') for i in range(MANY_MESSAGES)], False)]


def is_of_many(folder):
    return folder.levels[0] == 'Many'


def many_for(kind):
    """Courier's time for an append grows with the folder: 50,000 of them would take it a day."""
    return [folder for folder in many() if kind != 'courier' or folder.levels != LONG]
