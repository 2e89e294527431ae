"""A small, fast IMAP client for the test tools: literals, pipelining, TLS. Names are UTF-8 with "/" between levels."""
import base64
import re
import socket
import ssl

LITERAL = re.compile(rb'\{(\d+)\}$')
LIST = re.compile(rb'\* (?:LIST|LSUB) \(([^)]*)\) (NIL|"(?:\\.|[^"])*") ?(.*)$', re.I)


class ImapError(Exception):
    pass


def quote(text):
    text = text.encode() if isinstance(text, str) else text
    return b'"' + text.replace(b'\\', b'\\\\').replace(b'"', b'\\"') + b'"'


def unquote(text):
    return re.sub(rb'\\(.)', rb'\1', text[1:-1]) if text.startswith(b'"') else text


def encode_name(name):
    """UTF-8 to modified UTF-7 (RFC 3501 section 5.1.3)."""
    def shift(match):
        if match.group() == '&':
            return '&-'
        packed = base64.b64encode(match.group().encode('utf-16-be')).rstrip(b'=').replace(b'/', b',')
        return '&' + packed.decode() + '-'
    return re.sub('&|[^ -~]+', shift, name).encode()


def decode_name(raw):
    def unshift(match):
        packed = match.group(1).replace(',', '/')
        if not packed:
            return '&'
        return base64.b64decode(packed + '=' * (-len(packed) % 4)).decode('utf-16-be')
    return re.sub('&([^-]*)-', unshift, raw.decode('ascii', 'surrogateescape'))


class Folder:
    """One line of LIST: the name as people see it, the name on the wire, and the attributes in lower case."""

    def __init__(self, raw, separator, attributes, prefix):
        self.raw = raw
        self.attributes = attributes
        name = decode_name(raw)
        if prefix and name.startswith(prefix):
            name = name[len(prefix):]
        self.name = name.replace(separator, '/') if separator else name
        if self.name.upper() == 'INBOX':
            self.name = 'INBOX'

    @property
    def selectable(self):
        return not self.attributes & {b'\\noselect', b'\\nonexistent'}


class Account:
    """host:port:login:password, with an "s" behind the port for TLS (the certificate is not checked)."""

    def __init__(self, text):
        host, port, self.login, self.password = text.split(':', 3)
        self.host, self.tls = host, port.endswith('s')
        self.port = int(port.rstrip('s'))


class Imap:
    def __init__(self, account, timeout=600):
        connection = socket.create_connection((account.host, account.port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if account.tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        self.connection = connection
        self.file = connection.makefile('rb', 1 << 20)
        self.commands = 0
        self.read_response()
        self.command(b'LOGIN ' + quote(account.login) + b' ' + quote(account.password))
        self.separator, self.prefix = self.read_namespace()

    def read_namespace(self):
        """Separator and prefix of the personal namespace; also of servers that know NAMESPACE but do not announce it."""
        try:
            responses = self.command(b'NAMESPACE')
        except ImapError:
            return '', ''
        for response in responses:
            match = re.match(rb'\* NAMESPACE \(\("((?:\\.|[^"])*)" (NIL|"(?:\\.|[^"])*")', response[0], re.I)
            if match:
                separator = '' if match.group(2).upper() == b'NIL' else unquote(match.group(2)).decode()
                return separator, decode_name(unquote(b'"' + match.group(1) + b'"'))
        return '', ''

    def read_response(self):
        """One response as [text, literal, text, literal, …, text]."""
        parts = []
        while True:
            line = self.file.readline()
            if not line.endswith(b'\n'):
                raise ImapError('the server closed the connection')
            line = line.rstrip(b'\r\n')
            match = LITERAL.search(line)
            if not match:
                return parts + [line]
            parts += [line[:match.start()], self.file.read(int(match.group(1)))]

    def send(self, *pieces):
        self.commands += 1
        tag = b'a%d' % self.commands
        self.connection.sendall(b''.join((tag, b' ', *pieces, b'\r\n')))
        return tag

    def finish(self, tag, each=None):
        """Reads to the tagged answer, which must be OK. Untagged responses go to `each`, or are returned."""
        untagged = []
        while True:
            response = self.read_response()
            if response[0].startswith(tag + b' '):
                if not response[0][len(tag) + 1:].upper().startswith(b'OK'):
                    raise ImapError(response[0].decode(errors='replace'))
                return untagged
            if each:
                each(response)
            else:
                untagged.append(response)

    def command(self, *pieces, each=None):
        return self.finish(self.send(*pieces), each)

    def folders(self, verb=b'LIST'):
        found = []
        for response in self.command(verb + b' "" "*"'):
            match = LIST.match(response[0])
            if not match:
                continue
            raw = response[1] if len(response) > 1 else unquote(match.group(3))
            separator = '' if match.group(2).upper() == b'NIL' else unquote(match.group(2)).decode()
            found.append(Folder(raw, separator, set(match.group(1).lower().split()), self.prefix))
        return found

    def raw_name(self, name):
        if name == 'INBOX':
            return b'INBOX'
        return encode_name(self.prefix + name.replace('/', self.separator or '/'))

    def close(self):
        try:
            self.command(b'LOGOUT')
        except (OSError, ImapError):
            pass
        self.file.close()
        self.connection.close()
