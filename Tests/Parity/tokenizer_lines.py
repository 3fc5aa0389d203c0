"""Varied lines of text: all scripts, emoji, marks, controls, private use, unassigned, long words, URLs, code."""

import random
import unicodedata

WORDS = (
    "the a of and to in is it that film was for with as on at by this but not have from are an be movie one all its "
    "story his her they who so more when out if about up what there can only time good some very make like even most "
    "splendid unbelievable tokenization electroencephalography don't it's we'll they've I'm she'd o'clock rock'n'roll "
    "naïve café Zürich Ångström Straße smörgåsbord façade coöperate Ελλάδα ὀξύς Москва ёлка Київ שלום עִבְרִית مرحبا "
    "العَرَبِيَّة नमस्ते हिन्दी বাংলা தமிழ் ไทยภาษา ភាសាខ្មែរ 한국어 안녕하세요 日本語 ひらがな カタカナ ｶﾀｶﾅ 汉字 漢字 "
    "中文分词 አማርኛ ქართული Հայերեն བོད་ཡིག မြန်မာ ᏣᎳᎩ ᓀᐦᐃᔭᐍᐏᐣ ᠮᠣᠩᠭᠣᠯ ⵜⵉⴼⵉⵏⴰⵖ Tiếng Việt Đặng İstanbul ıldız ǅ ﬁnance "
    "ﬃ ²³ ½ Ⅷ ① ㎏ ℡ ™ © ® ¿Qué? ¡Olé! „Hallo“ «bonjour» ‘quoted’ “text” — – … • ‽ № € £ ¥ ₿ ± × ÷ ≠ ∞ ∑ √"
).split()
EMOJI = "😀 😂 🤷🏽‍♀️ 👨‍👩‍👧‍👦 🇩🇪 🇯🇵🇺🇸 1️⃣ ❤️ ☺ ☺️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🫠 👍🏿 🧑‍💻 ⚧️".split()
URLS = (
    "https://example.com/a/b?c=d&e=f#g http://user:pw@host:8080/~x/%20y mailto:a.b+c@d-e.org www.site.co.uk/path_(x) "
    "C:\\Users\\me\\file.txt /usr/local/lib/python3.11/site-packages ftp://1.2.3.4/ user@example.com #hashtag @mention"
).split()
CODE = [
    "def f(x): return x**2 + 1  # square", "for (int i=0;i<n;++i){a[i]=b[i]<<2;}", "    if x != None and y >= 3.14e-10:",
    "\t\treturn `${a}`;", "SELECT * FROM t WHERE a='b' AND c IS NOT NULL;", "<div class=\"x\">&nbsp;</div>", "a->b::c<T>()",
    "{\"k\": [1, 2.50, null, true]}", "x = lambda *a, **k: {**k}", "#!/bin/sh -e", "$$\\frac{a}{b}$$", "0xDEADBEEF 1_000_000",
    "printf(\"%5.2f\\n\", x);", "git commit -m 'fix: a bug' && git push", "<|im_start|>user", "<s> a </s> <mask> [MASK] [SEP]",
    "[CLS][MASK]  <mask>x", "<extra_id_5> <|endoftext|>", "|||EMAIL_ADDRESS|||", "<0x41> ▁a ##ing Ġthe", "''quoted`` text",
]
SPACES = " \t\u00a0\u2003\u3000\u1680\u2009\u200a\u202f\u205f\u0085\u000b\u000c\u2028\u2029"
ODD = "\u200b\u200c\u200d\u200e\u200f\ufeff\u00ad\u2060\ufffd\u0000\u0001\u001f\u007f\u009f\ue000\uf8ff\U000f0000\U0010fffd\u0378\ufdd0\uffff\U0001ffff"
MARKS = [chr(c) for c in range(0x300, 0x370)] + list("\u0591\u05b0\u064b\u0651\u0670\u093c\u094d\u09bc\u0e31\u0f71\u1dc0\u20d0\u20e3\u302a\u3099\ufe0f\ufe20\U0001d165")
BLOCKS = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F),
    (0x530, 0x5FF), (0x600, 0x6FF), (0x700, 0x8FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x10FF), (0x1100, 0x11FF),
    (0x1200, 0x18AF), (0x1900, 0x1CFF), (0x1D00, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F),
    (0x2190, 0x2BFF), (0x2C00, 0x2E7F), (0x2E80, 0x303F), (0x3040, 0x30FF), (0x3100, 0x33FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF),
    (0xFE00, 0xFFFF), (0x10000, 0x107FF), (0x10800, 0x10FFF), (0x11000, 0x11FFF), (0x12000, 0x1BFFF),
    (0x1C000, 0x1D7FF), (0x1D800, 0x1EFFF), (0x1F000, 0x1FAFF), (0x20000, 0x2FA1F), (0x30000, 0x323AF),
    (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF),
]


def scalar(random):
    first, last = random.choice(BLOCKS)
    while True:
        code = random.randint(first, last)
        if not 0xD800 <= code < 0xE000:
            return chr(code)


def line(random):
    kind = random.random()
    if kind < 0.42:
        words = [random.choice(WORDS) for _ in range(random.randint(1, 25))]
        for i in range(len(words)):
            p = random.random()
            if p < 0.12:
                words[i] = words[i].capitalize()
            elif p < 0.16:
                words[i] = words[i].upper()
            elif p < 0.24:
                words[i] += random.choice(".,;:!?)\"'")
            elif p < 0.26:
                words[i] = unicodedata.normalize(random.choice(["NFD", "NFKD", "NFC"]), words[i])
            elif p < 0.28:
                words[i] = str(random.randint(0, 10 ** random.randint(1, 9)))
        return " ".join(words)
    if kind < 0.52:
        return "".join(scalar(random) for _ in range(random.randint(1, 40)))
    if kind < 0.60:
        first, last = random.choice(BLOCKS)
        text = "".join(chr(random.randint(first, last)) for _ in range(random.randint(1, 60)))
        return "".join(c for c in text if not 0xD800 <= ord(c) < 0xE000)
    if kind < 0.68:
        return "".join(random.choice(WORDS) + random.choice(["", " ", "  ", random.choice(SPACES), random.choice(ODD)])
                       for _ in range(random.randint(1, 15)))
    if kind < 0.76:
        return "".join(random.choice("aeiounAEyçשاक가か" + "é" * 3) + "".join(random.choice(MARKS) for _ in range(random.randint(0, 4)))
                       + random.choice(["", "", " "]) for _ in range(random.randint(1, 20)))
    if kind < 0.82:
        return random.choice(["", " ", "   "]).join(random.choice(CODE + URLS) for _ in range(random.randint(1, 4)))
    if kind < 0.87:
        return random.choice(["", " "]).join(random.choice(EMOJI + WORDS[:40]) for _ in range(random.randint(1, 12)))
    if kind < 0.90:
        return random.choice(["a", "é", "字", "ab", "-", "0", "xyz", "अ", "e\u0301", "\u200d"]) * random.randint(50, 400)
    if kind < 0.94:
        return "".join(random.choice("abcdefghij0123456789-_.") for _ in range(random.randint(60, 300)))
    return "".join(random.choice([" ", "  ", "\t", "a", "B", "1", "'s", "'S", "'ſ", "!", "\u00a0", "\u3000", "é", "中", "\n", "\r\n", "\r", "\u0301", "\u00ad"])
                   for _ in range(random.randint(0, 40)))


def lines(count, seed=0):
    generator = random.Random(seed)
    for _ in range(count):
        yield line(generator)
