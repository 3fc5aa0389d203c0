"""Writes Sources/Tokenizers/UnicodeTables.swift: the Unicode data that Hugging Face tokenizers goes by.

It comes from several Rust crates and from Oniguruma, each with a Unicode version of its own, so it is read off the real
thing: every scalar is passed through it. Run from the package root with `tokenizers` 0.23 installed:

    python Tests/Golden/Tokenizers/unicode.py
"""

import struct
import unicodedata

import tokenizers
from tokenizers import Regex
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
TEXT = "".join(map(chr, ALL))
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
SCRIPTS = (
    "Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu "
    "Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul Ethiopic Cherokee Khmer Mongolian Hiragana "
    "Katakana Bopomofo Han Yi Common Inherited"
).split()


def matches(pattern):
    """The scalars that Oniguruma matches."""
    found = set()
    for _, (start, end) in P.Split(Regex(f"(?:{pattern})+"), "removed", invert=True).pre_tokenize_str(TEXT):
        found.update(ALL[start:end])
    return found


def base36(n):
    digits = ""
    while n or not digits:
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36] + digits
        n //= 36
    return digits


def flags(found):
    """Lengths of the runs of scalars that are out and in, by turns."""
    lengths, inside, start = [], False, 0
    for code in range(0x110001):
        if code == 0x110000 or (code in found) != inside:
            lengths.append(code - start)
            start, inside = code, not inside
    return " ".join(map(base36, lengths[: -1 if not inside else None]))


def classes(of):
    """Lengths of the runs of scalars of one class, each followed by a letter for it."""
    text, start = "", 0
    for code in range(1, 0x110001):
        if code == 0x110000 or of[code] != of[start]:
            text += base36(code - start) + symbol(of[start])
            start = code
    return text


def symbol(number):
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number] if number < 26 else "!#$%&()*+,-./:;<=>?@[]^_{|}~"[number - 26]


def literal(text):
    """A Swift literal of several lines."""
    lines, line = [], ""
    # A break may stand only where a number ends: after a letter, a space or a semicolon.
    for character in text:
        line += character
        if len(line) >= 108 and not character.isdigit() and not character.islower():
            lines.append(line)
            line = ""
    lines.append(line)
    return '"""\n' + "".join(f"    {line}\\\n" for line in lines)[:-2] + '\n    """'


def double_array(pairs):
    """A compiled character map of a few keys, as sentencepiece's."""
    texts, root = b"", {}
    for key, value in pairs.items():
        node = root
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = len(texts)
        texts += value.encode() + b"\0"
    units = [0] * 256
    leaves = []

    def place(node, position, label):
        base = len(units)
        units.extend([0] * 256)
        units[position] = (base ^ position) << 10 | label | (0x100 if 0 in node else 0)
        if 0 in node:
            units[base] = node[0] | 1 << 31
        for byte, child in node.items():
            if byte == 0:
                continue
            if set(child) == {0}:
                leaves.append((base ^ byte, byte, child[0]))
            else:
                place(child, base ^ byte, byte)

    place(root, 0, 0)
    for position, label, value in leaves:
        base = len(units)
        units.append(value | 1 << 31)
        units[position] = (base ^ position) << 10 | label | 0x100
    units.extend([0] * (-len(units) % 256))
    return struct.pack("<I", len(units) * 4) + struct.pack(f"<{len(units)}I", *units) + texts


def scripts_of_pre_tokenizer():
    """A class for each scalar by UnicodeScripts; 0 for those that go with any script."""
    split = P.UnicodeScripts().pre_tokenize_str
    one = lambda text: len(split(text)) == 1 and len(split(text)[0][0]) == len(text)
    known, of = [], {}
    for code in range(0x110000):
        c = chr(code) if not 0xD800 <= code < 0xE000 else None
        if c is None:
            of[code] = of[code - 1]
        elif code and of.get(code - 1, 0) and c and code - 1 not in range(0xD800, 0xE000) and one(chr(code - 1) + c) and not (one("a" + c) and one("б" + c)):
            of[code] = of[code - 1]
        elif one("a" + c) and one("б" + c):
            of[code] = 0
        else:
            index = next((i for i, k in enumerate(known) if one(k + c)), None)
            if index is None:
                index = len(known)
                known.append(c)
            of[code] = index + 1
    return of, len(known)


def numbered_runs(of):
    """Pairs of a run's length and class."""
    parts, start = [], 0
    for code in range(1, 0x110001):
        if code == 0x110000 or of[code] != of[start]:
            parts.append(f"{base36(code - start)} {base36(of[start])}")
            start = code
    return " ".join(parts)


def main():
    category = {}
    for index, name in enumerate(CATEGORIES):
        for code in matches(rf"\p{{{name}}}"):
            category[code] = index
    for code in range(0xD800, 0xE000):
        category[code] = 0

    white = P.Whitespace()
    rust_word = {c for c in ALL if len(white.pre_tokenize_str("a" + chr(c))) == 1 and not chr(c).isspace()
                 and len(white.pre_tokenize_str("a" + chr(c))[0][0]) == 2}
    digits = P.Digits(individual_digits=True)
    numeric = {c for c in ALL if len(digits.pre_tokenize_str("a" + chr(c))) == 2}
    strip = N.StripAccents()
    marks = {c for c in ALL if strip.normalize_str(chr(c)) == ""}
    nfd, nfkd, nfc = N.NFD().normalize_str, N.NFKD().normalize_str, N.NFC().normalize_str
    bert = N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    nonspacing = {c for c in ALL if nfd(chr(c)) == chr(c) and bert.normalize_str(chr(c)) == ""}

    hangul = range(0xAC00, 0xD7A4)
    canonical, compatible = [], []
    for code in ALL:
        if code in hangul:
            continue
        full, wide = nfd(chr(code)), nfkd(chr(code))
        if full != chr(code):
            canonical.append((code, full))
        if wide != full:
            compatible.append((code, wide))
    combining = {}
    for code in ALL:
        number = unicodedata.combining(chr(code))
        other = "\u0301" if number == 1 else "\u0334"
        if number and nfd(chr(code)) == chr(code):
            swapped = nfd(other + chr(code) if number == 1 else chr(code) + other)
            if swapped == (chr(code) + other if number == 1 else other + chr(code)):
                combining[code] = number
    compositions = []
    for code in ALL:
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            a, b = (int(p, 16) for p in parts)
            if nfc(chr(a) + chr(b)) == chr(code):
                compositions.append((a, b, code))

    letter = N.Precompiled(double_array({"a": "b"}))
    extending = {c for c in ALL if c and letter.normalize_str("a" + chr(c)) == "b"}
    mapped = N.Precompiled(double_array({"\u0341": "x"}))
    controls = {c for c in ALL if c != 0x341 and mapped.normalize_str(chr(c) + "\u0341\u0342") == chr(c) + "x"}
    candidates = [c for c in ALL if unicodedata.category(chr(c)) == "Cf" or 0x0D4E == c or 0x11000 <= c < 0x12000]
    mapped = N.Precompiled(double_array({chr(c): "x" for c in candidates}))
    preceding = {c for c in candidates if mapped.normalize_str(chr(c) + "a") == "x"}

    script = {code: 0 for code in range(0x110000)}
    for index, name in enumerate(SCRIPTS):
        for code in matches(rf"\p{{{name}}}"):
            script[code] = index + 1
    runs, count = scripts_of_pre_tokenizer()

    def entries(items):
        text, last = "", 0
        for code, full in items:
            text += " ".join([base36(code - last)] + [base36(ord(c)) for c in full]) + ";"
            last = code
        return text[:-1]

    tables = [
        ("categories", "The general category by Oniguruma: the lengths of runs, each with a letter for its category.",
         classes(category)),
        ("scripts", "The script by Oniguruma: pairs of a run's length and a script's number.", numbered_runs(script)),
        ("scriptRuns", "What UnicodeScripts takes for the same script; 0 goes with any.", numbered_runs(runs)),
        ("onigurumaWord", "Oniguruma's \\w: lengths of runs that are out and in, by turns.", flags(matches(r"\w"))),
        ("otherAlphabetic", "Oniguruma's Other_Alphabetic.", flags(matches(r"\p{Other_Alphabetic}"))),
        ("otherLowercase", "Oniguruma's Other_Lowercase.", flags(matches(r"\p{Other_Lowercase}"))),
        ("emoji", "Oniguruma's Emoji.", flags(matches(r"\p{Emoji}"))),
        ("pictographic", "Oniguruma's Extended_Pictographic.", flags(matches(r"\p{Extended_Pictographic}"))),
        ("word", "\\w of the regex crate.", flags(rust_word)),
        ("numeric", "Rust's char::is_numeric.", flags(numeric)),
        ("marks", "What StripAccents drops.", flags(marks)),
        ("nonspacing", "What BertNormalizer drops with strip_accents, after decomposition.", flags(nonspacing)),
        ("extending", "What continues a grapheme.", flags(extending)),
        ("preceding", "What a grapheme goes on after.", flags(preceding)),
        ("controls", "What nothing continues.", flags(controls)),
        ("canonical", "Full canonical decompositions: the distance from the entry before, then the scalars.",
         entries(canonical)),
        ("compatible", "Full compatibility decompositions where they differ.", entries(compatible)),
        ("combining", "Canonical combining classes: scalar's distance and class.",
         entries((c, chr(k)) for c, k in sorted(combining.items()))),
        ("compositions", "Canonical compositions: the composed scalar's distance and its two parts.",
         entries((c, chr(a) + chr(b)) for a, b, c in sorted(compositions, key=lambda x: x[2]))),
    ]
    with open("Sources/Tokenizers/UnicodeTables.swift", "w") as out:
        out.write("/// Unicode data as the reference has it; numbers in base 36.\n///\n")
        out.write(f"/// Written by Tests/Golden/Tokenizers/unicode.py from `tokenizers` {tokenizers.__version__}; don't edit.\n")
        out.write("enum UnicodeTables {\n")
        out.write("  /// The names of the scripts, in the order of their numbers from 1 on.\n")
        out.write("  static let scriptNames: StaticString = " + literal(" ".join(SCRIPTS)) + "\n")
        for name, note, text in tables:
            out.write(f"\n  /// {note}\n  static let {name}: StaticString = {literal(text)}\n")
        out.write("}\n")
    print({name: len(text) for name, _, text in tables}, "script runs", count)


main()
