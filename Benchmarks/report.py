"""Benchmarks/RESULTS.md and results.json hold a section for each part of the comparison on each kind of processor; each run writes its own."""

import ctypes
import json
import pathlib
import platform

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
ORDER = ["Training", "Inference", "Tokenizers"]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def instructions():
    """The kind of processor, by the widest that it multiplies."""
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith(("flags", "Features"))), [])
    kinds = {"amx_tile": "AMX", "avx512_fp16": "AVX-512 FP16", "avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    if not may_use_tiles():
        del kinds["amx_tile"]
    return next((kind for flag, kind in kinds.items() if flag in flags), "no vectors")


def may_use_tiles():
    """Whether Linux lets a process use AMX (arch_prctl ARCH_REQ_XCOMP_PERM XTILEDATA): it may refuse, for this process and its children."""
    return platform.machine() == "x86_64" and ctypes.CDLL(None).syscall(158, 0x1023, 18) == 0


def results():
    """The sections of results.json."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def section_of(part):
    """The name of a part's section for this kind of processor."""
    return f"{part}, {instructions()}"


def known_rows(part):
    """What results.json has of a part on this kind of processor."""
    return results().get(section_of(part).lower(), [])


def write(part, lines, figures):
    """Puts the part's section into both files, and leaves the others as they are."""
    section = section_of(part)
    RESULTS.write_text(json.dumps(results() | {section.lower(): figures}, indent=2) + "\n")
    path = HERE / "RESULTS.md"
    parts = path.read_text().split("\n## ")[1:] if path.exists() else []
    sections = {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}
    sections[section] = "\n".join(lines).strip()
    names = [name for part in ORDER for name in sorted(sections) if name.startswith(part)]
    text = "".join(f"\n## {name}\n\n{sections[name]}\n" for name in names)
    path.write_text("# Speed beside the peers, written by `make bench`\n" + text)
