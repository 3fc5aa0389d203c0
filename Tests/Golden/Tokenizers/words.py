"""Writes the goldens of the word tokenizer beside it with Hugging Face `tokenizers` 0.23; run inside this folder.

words-*.json are trained by it on the first half of the lines of words.jsonl, whose ids are its own too.
"""

import json
import random

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Sequence, Split, WhitespaceSplit
from tokenizers.trainers import WordLevelTrainer

LINES = [
    "A splendid film, well-acted & beautifully shot!",
    "it's n't \"good\" (at all)... 3.14 $5 50% a+b=c <tag> ^_^ `x` ~y~ |z|",
    "",
    "   ",
    "  leading\tand\ntrailing\r\nwhite\u00a0space\u3000here\u2028now\u2003 ",
    "vertical\x0btab form\x0cfeed nul\x00bell\x07esc\x1bdel\x7fnel\x85end",
    "soft\u00adhyphen zero\u200bwidth join\u200der non\u200cjoiner mark\u200e\ufeffbom repl\ufffdaced",
    "Crème brûlée, CRÈME BRÛLÉE; cre\u0301me NFD e\u0301 E\u0301 \u00e9",
    "ÀÉÎÕÜ ŒUVRE ßẞ ŞIİı İSTANBUL ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ ᾈ ῼ Ǆ ǅ ǆ",
    "Москва — столица. ЁЛКА Їжак Ѳита Ԟ",
    "Ελληνικά; κείμενο· «τέλος»",
    "中文影评:这部电影很好看,不是吗?我喜欢!《三体》2023年",
    "日本語のテキスト、カタカナと漢字。ｶﾅ １２３ ＡＢＣ",
    "한국어 문장입니다. 조선글 \u1100\u1161\u11a8",
    "العربية: مَرْحَبًا بِالعَالَم؟ ١٢٣، \u0600 نص\u061c",
    "עִבְרִית שָׁלוֹם־עולם׃",
    "हिन्दी में वाक्य। ॐ क्षत्रिय ॥",
    "ภาษาไทยไม่มีช่องว่าง ๑๒๓ ฯลฯ ๏",
    "தமிழ் తెలుగు ಕನ್ನಡ മലയാളം සිංහල မြန်မာ၊ ខ្មែរ។ ລາວ བོད་ཡིག ქართული ႠႡ ᲐᲑ Հայերեն՝ ԱԲ አማርኛ። ᏣᎳᎩ ꭰ",
    "😀👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ❤️ ☺︎ ♥ ™ © №5 ½ ² ∑∫≠ → • … – — ‘’ “” ‚„ ‹› « » ¿ ¡ § ¶",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝐁𝐨𝐥𝐝 𐐀𐐁 𐓒 𞤀𞤢 𑢠 𠀀𠮷𪛖 𫜴 𫝀 𫠠 𫤟 𫤠 𬺰 丽 〇 〡 々 ㊗ ㍿ ﹏ ＿",
    "Ａ．Ｂ＄Ｃ ⁇ ⸮ ⹃ 〽 ﴾x﴿ ᠎ ᐅ ᙮ ᛫ ᪠ ၊ ꣎ 𐄀 𑁇 𑅀 𖫵",
    "Ꙁ Ⱥ Ⱦ Ɐ Ꞛ Ꟁ Ꟊ Ꟶ Ᲊ Ꟛ Ƛ 𐵐 𖺠",
    "[UNK] [PAD] [CLS] don't [unk]",
    "x" * 300 + " " + "é" * 150,
    "\ue000private\U000f0000use\U0010fffd tag\U000e0041s \u2060wj\u2064 \u070f",
    "a\u0300\u0301\u0302\u0303b c\u20ddd e\ufe0ff",
]
draw = random.Random(7)
blocks = [(0, 0x24F), (0x250, 0x10FF), (0x1100, 0x2FFF), (0x3000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF),
          (0x20000, 0x3FFFF), (0xE0000, 0x10FFFF)]
for number in range(120):
    low, high = blocks[number % len(blocks)]
    LINES.append("".join(draw.choice([chr(draw.randint(low, high)), chr(draw.randint(97, 122)), " "]) for _ in range(30)))


def make(lowercase, characters):
    tokenizer = Tokenizer(WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(True, True, False, lowercase)
    split = Sequence([WhitespaceSplit(), Split(Regex("."), "isolated")])
    tokenizer.pre_tokenizer = split if characters else BertPreTokenizer()
    trainer = WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"], vocab_size=500, min_frequency=1, show_progress=False)
    tokenizer.train_from_iterator(LINES[: len(LINES) // 2], trainer)
    tokenizer.enable_truncation(60)
    return tokenizer


tokenizers = {"lower": make(True, False), "cased": make(False, False), "characters": make(True, True)}
for name, tokenizer in tokenizers.items():
    tokenizer.save(f"words-{name}.json")
with open("words.jsonl", "w") as out:
    for line in LINES:
        row = {name: tokenizer.encode(line).ids for name, tokenizer in tokenizers.items()}
        out.write(json.dumps({"text": line, **row}) + "\n")
