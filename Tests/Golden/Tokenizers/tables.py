"""Writes Sources/Tokenizers/ScalarTables.swift: how Hugging Face's BertNormalizer and BertPreTokenizer treat each scalar.

Their Unicode tables are older than the standard library's (punctuation) or newer (lower case), so ours are read off them:
every scalar is passed through the real thing. Run from the package root with `tokenizers` 0.23 installed:

    python Tests/Golden/Tokenizers/tables.py
"""

import tokenizers
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

clean = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
lower = BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True)
split = BertPreTokenizer()


def kind(scalar):
    cleaned = clean.normalize_str(scalar)
    if cleaned == "":
        return "removed"
    if cleaned == " ":
        return "spaces"
    if cleaned == f" {scalar} ":
        return "chinese"
    assert cleaned == scalar, hex(ord(scalar))
    pieces = len(split.pre_tokenize_str(f"a{scalar}b"))
    assert pieces in (1, 3), hex(ord(scalar))
    return "punctuation" if pieces == 3 else "word"


kinds, mappings = {}, []
for code in (c for c in range(0x110000) if not 0xD800 <= c < 0xE000):
    name = kind(chr(code))
    if name != "word":
        ranges = kinds.setdefault(name, [])
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    mapped = lower.normalize_str(chr(code))
    if mapped == chr(code):
        continue
    # Only scalars of words change, and only into such: kinds can be looked up before lower case.
    assert name == "word" and all(kind(c) == "word" for c in mapped), hex(code)
    if code == 0x130:  # the only one that becomes two scalars; the code handles it
        assert mapped == "i\u0307"
        continue
    delta = ord(mapped) - code
    if mappings and mappings[-1][3] == delta:
        first, last, step, _ = mappings[-1]
        gap = code - last
        if gap in (1, 2) and (first == last or gap == step):
            mappings[-1] = [first, code, gap, delta]
            continue
    mappings.append([code, code, 1, delta])


def rows(items):
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) > 116:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join(lines + [line])


notes = {
    "removed": "Scalars that cleaning drops: controls, formats, private use, U+FFFD.",
    "spaces": "Scalars that separate words.",
    "chinese": "Ideographs, each a word of its own.",
    "punctuation": "ASCII symbols and general category P, each a word of its own.",
}
with open("Sources/Tokenizers/ScalarTables.swift", "w") as out:
    out.write("/// How the reference treats each Unicode scalar, as inclusive ranges.\n///\n")
    out.write(f"/// Written by Tests/Golden/Tokenizers/tables.py from `tokenizers` {tokenizers.__version__}; don't edit.\n")
    out.write("enum ScalarTables {\n")
    for name, note in notes.items():
        out.write(f"  /// {note}\n  static let {name}: [(UInt32, UInt32)] = [\n")
        out.write(rows(f"(0x{a:X}, 0x{b:X})" for a, b in kinds[name]) + "\n  ]\n\n")
    out.write("  /// Lower case: first and last scalar, step, and what to add. U+0130 (to two scalars) is left out.\n")
    out.write("  static let lowercase: [(UInt32, UInt32, UInt32, Int32)] = [\n")
    out.write(rows(f"(0x{a:X}, 0x{b:X}, {s}, {d})" for a, b, s, d in mappings) + "\n  ]\n}\n")
