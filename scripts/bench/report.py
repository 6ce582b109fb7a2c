"""Tables and figure of the simulation benchmark."""

from __future__ import annotations

import math
from statistics import median

import nest_runner
from circuits import DESCRIPTIONS, out_degrees
from competitors import TITLES, loop_median, rates, ratio
from measuring import summary

COLUMNS = (
    ("", 22),
    ("loop, s per bio s", 25),
    ("whole, s", 24),
    ("x plain", 8),
    ("/ kernel", 9),
    ("E Hz", 7),
    ("I Hz", 7),
    ("MB", 6),
    ("B/syn", 6),
    ("build s", 8),
)


def _number(value, form):
    return "-" if value is None else format(value, form)


def case_table(case, competitors):
    """Text: one line per competitor."""
    lines = [f"{case.label}: {DESCRIPTIONS[case.name]}; {case.duration:g} s", ""]
    lines[1] = "".join(f"{title:<{width}}" for title, width in COLUMNS)
    for who in competitors:
        if who in case.failures:
            lines.append(f"{TITLES[who]:22}{case.failures[who]}")
            continue
        runs = case.runs[who]
        rate = rates(case, who)
        size = [run["bytes_per_synapse"] for run in runs if run.get("bytes_per_synapse") is not None]
        built = case.builds.get(who, {}).get("build_seconds")
        cells = [
            TITLES[who],
            summary([run["loop"] for run in runs]),
            summary([run["whole"] for run in runs]),
            _number(ratio(case, "plain", who), ".3g"),
            _number(ratio(case, who, "kernel"), ".3g"),
            f"{rate['E']:.2f}",
            f"{rate['I']:.2f}",
            f"{max(run['rss'] for run in runs) / 1e6:.0f}",
            _number(median(size) if size else None, ".1f"),
            _number(built, ".1f"),
        ]
        lines.append("".join(f"{cell:<{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True)).rstrip())
    if case.name in nest_runner.DIFFERENCES and any(who.startswith("nest") for who in case.runs):
        lines.append(f"  in NEST: {nest_runner.DIFFERENCES[case.name]}")
    return "\n".join(lines)


def events_per_second(case, who):
    """Synaptic events per biological second."""
    rate, degrees, of = rates(case, who), out_degrees(case.numbers), case.numbers
    return sum(rate[x] * of.sizes[x] * degrees[x] for x in "EI")


def costs(cases, competitors, dt):
    """ns per neuron step and per synaptic event, from the two probabilities of a circuit: ``{(name, who): (a, b)}``."""
    found = {}
    for low in cases:
        for high in cases:
            if not (low.name == high.name and low.n == high.n and low.p == 0.1 and high.p == 0.4):
                continue
            for who in competitors:
                times = [loop_median(case, who) for case in (low, high)]
                if None in times:
                    continue
                events = [events_per_second(case, who) for case in (low, high)]
                event = (times[1] - times[0]) / (events[1] - events[0])
                step = (times[0] - event * events[0]) / (sum(low.numbers.sizes.values()) / dt)
                found[low.name, who] = (step * 1e9, event * 1e9)
    return found


def cost_table(found):
    """Text of :func:`costs`."""
    lines = ["ns per neuron step and per synaptic event (from the difference between p = .1 and p = .4)"]
    for (name, who), (step, event) in found.items():
        lines.append(f"  {name:18}{TITLES[who]:22}{step:8.2f}{event:9.3f}")
    return "\n".join(lines)


def figure(cases, competitors, path):
    """Grouped bars of the loop time on a logarithmic axis, with the range of the rounds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown = [who for who in competitors if any(case.runs.get(who) for case in cases)]
    height = 0.8 / max(1, len(shown))
    colours = plt.get_cmap("tab10").colors
    fig, axes = plt.subplots(figsize=(8, 1.2 + len(cases) * (0.25 + 0.14 * len(shown))), layout="constrained")
    for k, who in enumerate(shown):
        position, middle, low, high = [], [], [], []
        for row, case in enumerate(cases):
            if case.runs.get(who):
                values = [run["loop"] for run in case.runs[who]]
                present = [one for one in shown if case.runs.get(one)]
                position.append(row + (present.index(who) - (len(present) - 1) / 2) * height)
                middle.append(median(values))
                low.append(middle[-1] - min(values))
                high.append(max(values) - middle[-1])
        axes.barh(position, middle, height * 0.9, color=colours[k], label=TITLES[who])
        axes.errorbar(middle, position, xerr=[low, high], fmt="none", ecolor="black", elinewidth=0.8)
    axes.set_xscale("log")
    times = [run["loop"] for case in cases for runs in case.runs.values() for run in runs]
    if times:
        axes.set_xlim(left=10 ** math.floor(math.log10(min(times)) - 0.3))  # the bars begin at a whole decade
    axes.set_yticks(range(len(cases)), [case.label for case in cases])
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.set_xlabel("seconds per biological second (simulation loop; median and range)")
    axes.grid(axis="x", which="both", alpha=0.3)
    axes.set_axisbelow(True)
    fig.legend(loc="outside upper center", ncols=3, frameon=False)
    fig.savefig(path, dpi=150)
    plt.close(fig)
