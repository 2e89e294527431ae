"""What the measurements say: lines as they come, JSON lines, tables in Markdown, and a plot."""
import collections
import html
import json
import math
import os
import statistics

HEADINGS = {
    'small': 'small: 2,000 messages, 62 MB, 12 folders',
    'tiny': 'tiny: 10,000 messages of 3 KiB, 20 folders',
    'large': 'large: 300 messages of 2 MB',
    'many': 'many: 200 accounts of 100 messages, 8 at a time',
    'unchanged': 'unchanged: 10,000 messages, nothing to copy',
}
COLOURS = {'imapcopyd': '#0060a8', 'floor': '#707070', 'baseline': '#56b4e9', 'mbsync': '#d55e00',
           'interimap': '#009e73', 'imapsync': '#b0508c', 'doveadm': '#c79000'}


class Results:
    """results.jsonl: one line for each run."""

    def __init__(self, folder):
        self.path = os.path.join(folder, 'results.jsonl')

    def add(self, row):
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(row, ensure_ascii=False) + '\n')

    def rows(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding='utf-8') as file:
            return [json.loads(line) for line in file]


def outcome(row):
    if row['stopped']:
        return f'stopped with {row["arrived"]} of {row["messages"]}'
    said = []
    for what, count in row['differences'].items():
        if what == 'altered':
            said.append(f'{count} differences of flags, dates, folders or subscriptions')
        else:
            said.append(f'{"all" if count == row["messages"] else count} messages {what}')
    return ', '.join(said) or 'equal'


def copied(row):
    """How many messages the program copied in its time."""
    return row['arrived'] if row['stopped'] else row['messages']


def line(row):
    trips = f'; round trips {row["trips"]}' if 'trips' in row else ''
    rate = copied(row) / row['seconds']
    failed = f'; it said: {" ".join(row["failed"].split())}' if row['failed'] else ''
    return (f'  {row["profile"]} {row["rtt_ms"]:>3} ms {row["storage"]}{" TLS" if row["tls"] else ""} run {row["run"]} '
            f'{row["tool"]:10} {row["seconds"]:8.2f} s {rate:8.0f} messages/s '
            f'{rate * row["bytes"] / row["messages"] / 1e6:6.1f} MB/s, CPU {row["cpu_seconds"]:6.2f} s, '
            f'{row["cores_busy"]:3.1f} cores busy, '
            f'{row["memory_kib"] / 1024:4.0f} MiB: {outcome(row)}{trips}{failed}')


class Cell:
    """All runs of one program in one place."""

    def __init__(self, rows, floors):
        self.rows = rows
        self.seconds = statistics.median(row['seconds'] for row in rows)
        self.stopped = any(row['stopped'] for row in rows)
        ratios = [row['seconds'] / floors[row['began'], row['run']] for row in rows
                  if (row['began'], row['run']) in floors]
        self.ratio = statistics.median(ratios) if ratios else None
        self.cpu_per_thousand = statistics.median(row['cpu_seconds'] / max(1, copied(row)) * 1000 for row in rows)
        busy = [row['cores_busy'] for row in rows if 'cores_busy' in row]  # Old rows do not tell.
        self.cores_busy = f'{statistics.median(busy):.1f}' if busy else ''

    def text(self, is_floor):
        seconds = f'{self.seconds:.2f} s' if self.seconds < 10 else f'{self.seconds:.0f} s'
        if self.stopped:
            return f'over {seconds}: {max(map(copied, self.rows))} of {self.rows[0]["messages"]}'
        return seconds if is_floor or self.ratio is None else f'{seconds} ({self.ratio:.2f})'


class Group:
    """All cells of one profile, storage, TLS or not, disk or not: those of one table, and of one panel of the plot."""

    def __init__(self, key, rows):
        self.profile, self.storage, self.tls, self.in_memory = key
        by_place = collections.defaultdict(lambda: collections.defaultdict(list))
        for row in rows:
            by_place[row['rtt_ms']][row['tool']].append(row)
        self.round_trips = sorted(by_place)
        self.tools = [tool for tool in COLOURS if any(tool in by_place[rtt] for rtt in by_place)]
        self.cells = {}
        for rtt, by_tool in by_place.items():
            floors = {(row['began'], row['run']): row['seconds'] for row in by_tool['floor']}
            self.cells |= {(tool, rtt): Cell(by_tool[tool], floors) for tool in by_tool if by_tool[tool]}

    @property
    def title(self):
        storage = f' into {self.storage}' if self.storage != 'maildir' else ''
        memory = ', all mail in memory' if self.in_memory else ''
        return HEADINGS[self.profile] + storage + (', TLS' if self.tls else '') + memory

    def of_tool(self, tool):
        return [self.cells[tool, rtt] for rtt in self.round_trips if (tool, rtt) in self.cells]

    def table(self):
        heads = [f'{rtt} ms' for rtt in self.round_trips]
        out = [f'**{self.title}**', '', f'| | {" | ".join(heads)} | CPU per 1,000 messages | cores busy | memory | result |',
               f'|---|{"---:|" * len(heads)}---:|---:|---:|---|']
        for tool in self.tools:
            cells = [self.cells[tool, rtt].text(tool == 'floor') if (tool, rtt) in self.cells else ''
                     for rtt in self.round_trips]
            rows = [row for cell in self.of_tool(tool) for row in cell.rows]
            # Of those that came to their end, if there are any.
            ended = [row for row in rows if not row['stopped']] or rows
            results = ' / '.join(dict.fromkeys(outcome(row) for row in ended))
            trips = [row['trips'] for row in ended if 'trips' in row]
            if trips:
                most = max(max([0, *connections]) for row in trips for connections in row.values())
                results += f'; at most {most} round trips on a connection after the login'
            first = self.of_tool(tool)[0]
            out.append(f'| {tool} | {" | ".join(cells)} | {first.cpu_per_thousand:.3f} s | {first.cores_busy} '
                       f'| {max(row["memory_kib"] for row in rows) / 1024:.0f} MiB | {results} |')
        return '\n'.join(out) + '\n'


def groups(rows):
    by_key = collections.defaultdict(list)
    for row in rows:
        in_memory = row['place'].startswith('/dev/shm')
        by_key[row['profile'], row['storage'], row['tls'], in_memory].append(row)
    return [Group(key, by_key[key]) for key in sorted(by_key, key=lambda key: (list(HEADINGS).index(key[0]), key[1:]))]


PANEL_WIDTH, PANEL_HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 92, 34, 40
LABEL_HEIGHT = 13
CAPTION = ('Seconds that a copy takes (logarithmic) against the round-trip time to either server. '
           'Hollow: stopped there.')


class Panel:
    """One plot: time, logarithmic, against the round-trip time; one line for each program."""

    def __init__(self, group, x, y):
        self.group, self.x, self.y = group, x, y
        seconds = [cell.seconds for cell in group.cells.values()]
        self.low, self.high = self.step(min(seconds), -1), self.step(max(seconds) * 1.01, 1)

    @staticmethod
    def step(value, direction):
        """The next of 1, 2, 5, 10, … below or above."""
        steps = [digit * 10.0 ** power for power in range(-3, 6) for digit in (1, 2, 5)]
        if direction < 0:
            return max(step for step in steps if step <= value)
        return min(step for step in steps if step >= value)

    def at(self, rtt, seconds):
        width, height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM
        share = math.log(seconds / self.low) / math.log(self.high / self.low)
        return self.x + LEFT + width * rtt / self.group.round_trips[-1], self.y + TOP + height * (1 - share)

    def grid(self):
        value, right = self.low, self.group.round_trips[-1]
        while value <= self.high * 1.001:
            (x1, y), (x2, _) = self.at(0, value), self.at(right, value)
            yield f'<line x1="{x1:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            yield f'<text x="{x1 - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{value:g} s</text>'
            value = self.step(value * 1.5, 1)
        for rtt in self.group.round_trips:
            x, y = self.at(rtt, self.low)
            yield f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{rtt:g} ms</text>'

    def lines(self):
        ends = []
        for tool in self.group.tools:
            points = [(rtt, self.group.cells[tool, rtt]) for rtt in self.group.round_trips
                      if (tool, rtt) in self.group.cells]
            places = [self.at(rtt, cell.seconds) for rtt, cell in points]
            width = 3 if tool == 'imapcopyd' else 1.6
            dashes = ' stroke-dasharray="5 4"' if tool == 'floor' else ''
            path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in places)
            yield f'<polyline points="{path}" fill="none" stroke="{COLOURS[tool]}" stroke-width="{width}"{dashes}/>'
            for (x, y), (_, cell) in zip(places, points):
                fill = 'white' if cell.stopped else COLOURS[tool]
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{fill}" stroke="{COLOURS[tool]}"/>'
            ends.append([places[-1][1], places[-1][0] + 9, tool])
        yield from self.labels(ends)

    def labels(self, ends):
        """Names at the right ends of the lines, pushed apart where they would overlap."""
        ends.sort()
        for above, below in zip(ends, ends[1:]):
            below[0] = max(below[0], above[0] + LABEL_HEIGHT)
        for y, x, tool in ends:
            weight = ' font-weight="bold"' if tool == 'imapcopyd' else ''
            yield f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="{COLOURS[tool]}"{weight}>{tool}</text>'

    def svg(self):
        title = html.escape(self.group.title)
        return [f'<text x="{self.x + LEFT}" y="{self.y + 20}" font-weight="bold">{title}</text>', *self.grid(),
                *self.lines()]


def plot(all_groups):
    """All groups that have more than one round-trip time, side by side."""
    shown = [group for group in all_groups if len(group.round_trips) > 1]
    columns = 2 if len(shown) > 1 else 1
    width, height = columns * PANEL_WIDTH, math.ceil(len(shown) / columns) * PANEL_HEIGHT + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12" fill="#333">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{LEFT}" y="{height - 10}">{CAPTION}</text>']
    for number, group in enumerate(shown):
        out += Panel(group, number % columns * PANEL_WIDTH, number // columns * PANEL_HEIGHT).svg()
    return '\n'.join([*out, '</svg>', ''])


def origin(rows):
    """Where, when and how it was measured."""
    days = ' to '.join(dict.fromkeys([min(row['began'][:10] for row in rows), max(row['began'][:10] for row in rows)]))
    loads = [row['load'] for row in rows]
    machines = ' and '.join(dict.fromkeys(row['machine'] for row in rows))
    commands = '\n'.join(f'    tests/bench/run {options}' for options in dict.fromkeys(row['options'] for row in rows))
    return f'Measured {days} on {machines}, at a load of {min(loads)} to {max(loads)}:\n\n{commands}\n'


MARKS = ('<!-- Written by tests/bench/run --publish. -->\n', '<!-- End of what it writes. -->\n')


def publish(rows, readme, plot_path):
    """Puts tables and plot where the README shows them."""
    with open(readme, encoding='utf-8') as file:
        before, rest = file.read().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    tables = '\n'.join(group.table() for group in groups(rows))
    with open(readme, 'w', encoding='utf-8') as file:
        file.write(f'{before}{MARKS[0]}\n{tables}\n{origin(rows)}\n{MARKS[1]}{after}')
    with open(plot_path, 'w', encoding='utf-8') as file:
        file.write(plot(groups(rows)))


def write(rows, folder):
    """table.md and speed.svg of all `rows`; returns the tables."""
    all_groups = groups(rows)
    tables = '\n'.join(group.table() for group in all_groups)
    for name, text in (('table.md', tables), ('speed.svg', plot(all_groups))):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(text)
    return tables
