"""Benchmarks/RESULTS.md and results.json hold a section for each part of the comparison; each part writes its own."""

import json
import pathlib
import platform

HERE = pathlib.Path(__file__).resolve().parent
ORDER = ["Training", "Inference", "Tokenizers"]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def write(section, lines, figures):
    """Puts the section into both files, and leaves the others as they are."""
    path = HERE / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results[section.lower()] = figures
    path.write_text(json.dumps(results, indent=2) + "\n")
    path = HERE / "RESULTS.md"
    parts = path.read_text().split("\n## ")[1:] if path.exists() else []
    sections = {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}
    sections[section] = "\n".join(lines).strip()
    text = "".join(f"\n## {name}\n\n{sections[name]}\n" for name in ORDER if name in sections)
    path.write_text("# Speed beside the peers, written by `make bench`\n" + text)
