"""What a circuit does under its own drive: rates of its populations and spikes of some neurons."""

from __future__ import annotations

from typing import Any

from ssnbrian.circuit import Circuit, Constant, Drive, Recording, SineDrive
from ssnbrian.workflow.neuron_demonstration import Run

_ROWS = 160  # neurons in the raster, over all populations
_CONSTANT, _LENGTH = 20.0, 10.0  # mV/s, s: for a circuit without a drive of its own
_LONGEST = 60.0  # s; a longer drive is played faster
_COLOURS = {"excitatory": ("tab:red", "tab:orange", "tab:pink", "tab:olive"),
            "inhibitory": ("tab:blue", "tab:cyan", "tab:purple", "tab:green")}  # fmt: skip
_BINS = 250


def circuit_figure(circuit: Circuit, run: Run) -> Any:
    """Input, raster and population rates over one run of the circuit's drive (20 mV/s where it has none).

    A drive of more than 60 s is played in 60 s, which the title says; a sine is cut instead, which keeps its frequency.
    """
    drive, faster = circuit.drive or Constant(_CONSTANT), 1.0
    duration = drive.duration or _LENGTH
    if isinstance(drive, SineDrive):
        duration = min(duration, _LONGEST)
    elif duration > _LONGEST:
        faster, duration = duration / _LONGEST, _LONGEST
        drive = Drive(drive.kind, tuple(time / faster for time in drive.times), drive.values, duration, drive.unit)
    recording = run(circuit, drive, duration=duration, dt=0.1, seed=1, bin_width=1000 * duration / _BINS, spikes=True)
    return _figure(circuit, recording, faster)


def _colours(circuit: Circuit) -> dict[str, str]:
    counts = {"excitatory": 0, "inhibitory": 0}
    found = {}
    for one in circuit.populations:
        choices = _COLOURS[one.kind]
        found[one.name] = choices[counts[one.kind] % len(choices)]
        counts[one.kind] += 1
    return found


def _rows(circuit: Circuit) -> dict[str, int]:
    """Neurons of each population in the raster, in proportion to its size and at least 8."""
    total = sum(one.size for one in circuit.populations)
    return {one.name: min(one.size, max(8, round(_ROWS * one.size / total))) for one in circuit.populations}


def _figure(circuit: Circuit, recording: Recording, faster: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 6.4), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[0.9, 3, 2.4])
    colours = _colours(circuit)
    for name, (times, values) in recording.drives.items():
        top.plot([*times, recording.duration], [*values, values[-1]], color=colours[name], lw=1.4,
                 ls="-" if circuit.population(name).kind == "excitatory" else (0, (4, 3)))  # fmt: skip
    top.set_ylabel("$\\mu_{ext}$\n(mV/s)")
    ticks, base = [], 0
    for name, count in _rows(circuit).items():
        times, neurons = recording.spikes[name]
        shown = neurons < count
        middle.plot(times[shown], neurons[shown] + base, "|", color=colours[name], ms=1.6, mew=0.6, rasterized=True)
        ticks.append((base + count / 2, name))
        base += count
    middle.set(ylabel="neurons (a sample)", ylim=(-1, base))
    middle.set_yticks(*zip(*ticks, strict=True))
    for name, counts in recording.counts.items():
        rates = counts / (recording.sizes[name] * recording.bin_width)
        bottom.plot(recording.bin_times, rates, color=colours[name], lw=1.1, label=name)
    bottom.set(xlabel="time (s)", ylabel="population rate (Hz)", xlim=(0, recording.duration), ylim=(0, None))
    bottom.legend(frameon=False, fontsize=8, ncols=2)
    played = "" if faster == 1 else f", drive played {faster:.3g} times as fast"
    ended = "" if recording.completed else f" ({recording.status})"
    top.set_title(f"{circuit.name}: {sum(recording.sizes.values())} neurons, bins of "
                  f"{1000 * recording.bin_width:.3g} ms{played}{ended}", fontsize=10)  # fmt: skip
    return figure
