"""The section on inference of RESULTS.md and results.json."""

from statistics import median

from report import processor, write


def spread(values, form):
    return f"{median(values):{form}} ({min(values):{form}} – {max(values):{form}})"


def of(rounds, key):
    return [row[key] for row in rounds]


def versus(ours, theirs, key="tokensPerSecond"):
    """How many times as fast as theirs ours is, a ratio a round; of times less is faster."""
    pairs = zip(of(ours, key), of(theirs, key))
    return [b / a if key == "latency" else a / b for a, b in pairs]


def marked(ratios):
    """The median and the spread of ratios; what is slower than its peer says so."""
    slower = ", **slower**" if median(ratios) < 1 else ""
    return f"**{median(ratios):.2f}** ({min(ratios):.2f} – {max(ratios):.2f}){slower}"


def summary(figures, ours, peers):
    """Ours beside the best peer of each kind."""
    rows = []
    for threads, group in figures["threads"].items():
        sides = group["sides"]
        for compute, name in ours.items():
            present = [peer for peer in peers[compute] if peer in sides]
            if not present:
                continue
            fastest = max(present, key=lambda peer: median(of(sides[peer], "tokensPerSecond")))
            quickest = min(present, key=lambda peer: median(of(sides[peer], "latency")))
            rates, times = versus(sides[name], sides[fastest]), versus(sides[name], sides[quickest], "latency")
            rows.append({
                "threads": threads, "compute": compute, "fastest": fastest, "ratios": rates, "ratio": median(rates),
                "quickest": quickest, "latencyRatios": times, "latencyRatio": median(times),
            })  # fmt: skip
    return rows


def speed_table(group, ours, peers):
    sides = group["sides"]
    lines = ["| | tokens/s | share of the ceiling | ours ÷ its | one text, ms | settings |", "|---|---|---|---|---|---|"]
    base = ours["float32"]
    for compute, own in ours.items():
        share, rate = median(of(sides[own], "share")), median(of(sides[own], "tokensPerSecond"))
        for side in [own, *(peer for peer in peers[compute] if peer in sides)]:
            rounds = sides[side]
            part = share * median(of(rounds, "tokensPerSecond")) / rate
            if side != own:
                ratio = marked(versus(sides[own], rounds))
            else:
                ratio = "" if own == base else f"{marked(versus(rounds, sides[base]))} × our float32"
            setting = ", ".join(f"{key} {value}" for key, value in group["settings"].get(side, {}).items())
            lines.append(
                f"| {side} | {spread(of(rounds, 'tokensPerSecond'), ',.0f')} | {part:.0%} | {ratio} | "
                f"{spread(of(rounds, 'latency'), '.2f')} | {setting} |")
    return lines


def publish(figures, ours, peers):
    groups = figures["threads"]
    first = next(iter(groups.values()))
    own = first["sides"][ours["float32"]]
    versions = {name.removesuffix(" int8"): version for name, version in first["versions"].items()}
    versions = ", ".join(f"{name} {version}" for name, version in versions.items())
    truth = next(iter(figures["whole"]))
    figures["bestPeers"] = summary(figures, ours, peers)
    lines = [
        f"{processor()}; {figures['model']}; {figures['texts']:,} English texts of one to eight snippets,",
        f"{own[0]['tokens']:,} tokens (cut at the model's length, padding not counted), from text to vector.",
        f"{versions}; each at the fastest of its ways, streams and tokens in flight, tried beforehand;",
        f"sentence-transformers by default. Ours and theirs in turn; medians of {len(own)} rounds (lowest – highest).",
        "The ceiling is what the processor's multiply-adds were measured to reach; a peer's share counts the same work.",
    ]
    lines += ["", "| | best peer | ours ÷ its, tokens/s | one text: best peer | its time ÷ ours |", "|---|---|---|---|---|"]
    for row in figures["bestPeers"]:
        lines.append(
            f"| {row['compute']}, threads: {row['threads']} | {row['fastest']} | {marked(row['ratios'])} | "
            f"{row['quickest']} | {marked(row['latencyRatios'])} |")
    for threads, group in groups.items():
        ceiling = {compute: group["sides"][name][0]["ceiling"][compute] for compute, name in ours.items()}
        ceilings = ", ".join(f"{value:,.0f} in {compute}" for compute, value in ceiling.items())
        lines += ["", f"Threads: {threads}; the ceiling, in billion operations a second: {ceilings}.", ""]
        lines += speed_table(group, ours, peers)
    lines += [
        "", "A process: its peak memory embedding all texts, and the time from its start to its first vector written.",
        f"Vectors: the mean cosine to those of {truth} in float32, and Spearman's correlation of all pairs' similarities.",
        "",
        "| | start to first vector, s | peak memory, MB | mean cosine | Spearman |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for side, row in figures["whole"].items():
        lines.append(
            f"| {side} | {spread(figures['firstVector'][side], '.2f')} | {row['peakMemory']:,.0f} | "
            f"{row['meanCosine']:.6f} | {row['spearman']:.5f} |")
    if figures["absent"]:
        lines += ["", "Absent: " + "; ".join(f"{name} ({reason})" for name, reason in figures["absent"].items()) + "."]
    write("Inference", lines, figures)
    print("\n".join(lines))
