#!/usr/bin/env python3
"""Random C files and random changes: after the diff was applied with #line,
every unchanged line that a compiler sees has its old number, under every
combination of the conditions. random_lines.py DIRECTORY APPLY COUNT"""
import itertools, os, random, re, subprocess, sys

where, apply, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
seed = int(os.environ.get('HOTFIX_SEED', '1'))
names = itertools.count()


def marker():
    # What the compiler makes of it tells which line it is and its number.
    return 'MARK m%d __LINE__ ;' % next(names)


def block(depth, lines):
    for _ in range(random.randint(1, 5)):
        kind = random.randint(0, 11)
        if kind < 6 or depth > 3:
            lines.append(marker())
        elif kind == 6:
            lines += ['/* it\'s (', 'open */', marker()]
        elif kind == 7:
            lines += ['#define X%d \\' % next(names), '  ( \\', '  1', marker()]
        elif kind == 8:
            lines += ['f(1,', '  2);', marker()]
        elif kind == 9:
            lines += ['"a \\', '(b";', marker()]
        else:
            lines.append('#if%s' % random.choice(
                ['def A', 'def B', 'ndef C', ' 0', ' defined(A) || defined(B)']))
            block(depth + 1, lines)
            for condition in random.sample(['A', 'B', 'C'],
                                           random.randint(0, 2)):
                lines.append('#elif defined(%s)' % condition)
                block(depth + 1, lines)
            if random.random() < .5:
                lines.append('#else')
                block(depth + 1, lines)
            lines.append('#endif')


def change(lines):
    """Lines go and come, but only such that are whole by themselves."""
    new = []
    for line in lines:
        if line.startswith('MARK'):
            if random.random() < .08:
                continue
            if random.random() < .15:
                for _ in range(random.randint(1, 3)):
                    new.append(marker())
        new.append(line)
    return new


def numbers(path, flags):
    text = subprocess.run(['gcc', '-E', '-P', *flags, path], check=True,
                          capture_output=True, text=True).stdout
    return dict(re.findall(r'MARK\s+(m\d+)\s+(\d+)', text))


def write(name, lines):
    path = os.path.join(where, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write('\n'.join(lines) + '\n')
    return path


seen = moved = 0
for number in range(count):
    random.seed(seed * 1000003 + number)
    old = []
    for _ in range(3):
        block(0, old)
    new = change(old)
    paths = [write(name, text) for name, text in
             (('old/a.c', old), ('new/a.c', new), ('tree/a.c', old))]
    diff = subprocess.run(['diff', '-u', 'old/a.c', 'new/a.c'], cwd=where,
                          capture_output=True, text=True).stdout
    if not diff:
        continue
    write('a.patch', [diff.rstrip('\n')])
    subprocess.run([apply, where + '/tree', where + '/map',
                    where + '/a.patch'], check=True, stdout=subprocess.DEVNULL)
    for defined in itertools.product([0, 1], repeat=3):
        flags = ['-D' + name for name, on in zip('ABC', defined) if on]
        was, moves, now = (numbers(path, flags) for path in paths)
        assert set(now) == set(moves)
        for name in set(was) & set(now):
            seen += 1
            moved += moves[name] != was[name]
            if now[name] != was[name]:
                sys.exit('file %d, %s, %s: line %s became %s' %
                         (number, flags, name, was[name], now[name]))
assert moved > seen / 4, 'the files had hardly any line that moved'
