"""Runs the speed cases by us and by PyTorch, round about, and writes their section of RESULTS.md and results.json.

    python compare.py [--rounds 5] [--seconds 3] [--threads 2] [CASE …]
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

from report import known_rows, processor, write

HERE = pathlib.Path(__file__).resolve().parent
GOALS = {
    "lstm": 1.8, "gru": 1.8, "lstm-mixed": 3, "gru-mixed": 3, "mnist-cnn": 1.8, "text-cnn": 2, "transformer": 1.5,
    "minilm": 1.8, "minilm-no-dropout": 1.2, "minilm-mixed": 2.5, "minilm-grouped": 1.8, "bert-base": 1.4,
    "bert-base-no-dropout": 1.4,
}


def start(command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE / "peers")
    if process.stdout.readline().strip() != "ready":
        sys.exit(f"{command[0]} did not start")
    return process


def round_of(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def take_turns(commands, rounds):
    """What each of two programs says of each round, in turn."""
    sides = [start(command) for command in commands]
    pairs = [[round_of(side) for side in sides] for _ in range(rounds)]
    for side in sides:
        side.stdin.close()
        side.wait()
    return pairs


def compare(case, options):
    flags = ["--rounds", str(options.rounds), "--seconds", str(options.seconds), "--threads", str(options.threads)]
    ours = [str(HERE / ".build/release/bench"), case, *flags, "--wait", "1"]
    theirs = [sys.executable, str(HERE / "peers/speed.py"), case, *flags, "--wait"]
    pairs = take_turns([ours, theirs], options.rounds)
    rates = [[pair[side]["samplesPerSecond"] for pair in pairs] for side in (0, 1)]
    ratios = sorted(a / b for a, b in zip(*rates))
    return {
        "case": case, "goal": GOALS[case], "ratio": statistics.median(ratios), "ratios": ratios,
        "samplesPerSecond": statistics.median(rates[0]), "peerSamplesPerSecond": statistics.median(rates[1]),
        "peakMemoryMB": pairs[-1][0]["peakMemoryMB"], "peerPeakMemoryMB": pairs[-1][1]["peakMemoryMB"],
        "share": statistics.median(pair[0]["share"] for pair in pairs), "ceiling": pairs[0][0]["ceiling"],
        "peer": pairs[-1][1]["version"], "variant": pairs[-1][1]["variant"],
    }


def share(row):
    """Ours, and the peer's of the same work."""
    return f"{row['share']:.0%}, {row['share'] / row['ratio']:.0%}" if row["share"] else "–"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(GOALS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    settings = {key: getattr(options, key) for key in ("rounds", "seconds", "threads")}
    # Cases that aren't named keep their rows, if they were measured in the same way.
    rows = {
        row["case"]: row for row in known_rows("Training")
        if row["case"] not in options.cases and {key: row.get(key) for key in settings} == settings
    }
    for case in options.cases:
        row = rows[case] = compare(case, options) | settings
        print(f"{case:<12} {rate(row, '')}/s  PyTorch {rate(row, 'peer')}/s  ×{row['ratio']:.2f}", flush=True)
        # After each case, so that a run that is stopped loses none.
        known = [rows[name] for name in GOALS if name in rows]
        write("Training", lines_of(known, options), known)


def rate(row, side):
    value = row[f"{side}SamplesPerSecond" if side else "samplesPerSecond"]
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def lines_of(rows, options):
    lines = [
        f"{processor()}, {options.threads} threads; {rows[0]['peer']} at its best (denormals flushed, fused AdamW, channels-last images,",
        "padded or packed, whichever is faster). Forward, backward and AdamW; ours and theirs in turn,",
        f"{options.rounds} rounds of {options.seconds:g} s or more; medians. minilm: 32 × 128 tokens, bert-base: 8 × 128, dropout 0.1 unless said",
        "otherwise; minilm-mixed: 4 random batches of 32 texts of mixed length; minilm-grouped: the peer's sorted by length first, ours not.",
        f"The ceiling is {max(row['ceiling'] for row in rows) / 1e9:.0f} GFLOP/s of multiply-adds; shares of it count the products of linear layers.", "",
        "| case | ours, samples/s | PyTorch, samples/s | ratio (lowest – highest) | goal | of the ceiling | peak memory, MB | PyTorch's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {row['case']} | {rate(row, '')} | {rate(row, 'peer')} ({row['variant']}) | "
        f"**{row['ratio']:.2f}** ({row['ratios'][0]:.2f} – {row['ratios'][-1]:.2f}) | {row['goal']} | "
        f"{share(row)} | "
        f"{row['peakMemoryMB']:.0f} | {row['peerPeakMemoryMB']:.0f} |"
        for row in rows
    ]


if __name__ == "__main__":
    main()
