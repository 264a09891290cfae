"""The figures of the pages, drawn from what the zoo itself computes: python docs/figures.py."""

import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt  # the backend comes first

from zoo.audio.frontends import LogMel
from zoo.audio.windows import cut_windows, hop_of
from zoo.datasets.base import Dataset, Track
from zoo.datasets.collections import gtzan
from zoo.datasets.synthesis import synthesise
from zoo.evaluate import significance
from zoo.evaluate.protocols import parse_protocol
from zoo.evaluate.vote import count_votes, mean_winners, vote_winner
from zoo_registry.files import write_text
from zoo_registry.predictions import Predictions

FOLDER = Path(__file__).with_name("figures")
WIDE = 7.6  # inches
BLUE, ORANGE, GREEN, GREY = "#2456c9", "#c2560c", "#1b8a4b", "#d9dae0"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "zoo",  # the same names in every drawing
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def windows() -> Any:
    """Draw windows of a network over the log-mel spectrogram of a track of the demo set."""
    frontend, rows = LogMel(), 215
    track = frontend(synthesise("waltz", artist=0, take=0))
    count = len(cut_windows(track, rows))
    seconds = frontend.hop_length / frontend.sample_rate
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(WIDE, 3.6), height_ratios=(3, 2), layout="constrained"
    )
    # Coarse, for the size of the file; rectangles, since a raster is another on each machine.
    coarse = track[: len(track) // 16 * 16].reshape(-1, 16, 16, 8).mean(axis=(1, 3))
    edges = np.arange(len(coarse) + 1) * 16 * seconds
    above.pcolormesh(edges, np.arange(17) * 8, np.round(coarse.T), cmap="magma")
    above.set(ylabel="mel band", yticks=(0, 64, 128), title=f"One track, {count} windows")
    for number in range(count):
        start = min(number * hop_of(rows), len(track) - rows) * seconds
        below.broken_barh([(start, rows * seconds)], (number, 0.8), color=BLUE, alpha=0.75)
    below.set(xlabel="seconds", ylabel="window", yticks=())
    below.invert_yaxis()
    return figure


def votes() -> Any:
    """Draw windows that vote one way while their mean probability says the other."""
    names = ("blues", "jazz", "rock")
    rows = np.array([[0.46, 0.44, 0.1]] * 4 + [[0.05, 0.9, 0.05]] * 3 + [[0.3, 0.2, 0.5]])
    counts, mean = count_votes(rows)
    by_vote, by_mean = vote_winner(counts, mean), int(mean_winners(mean[None])[0])
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDE, 2.8), width_ratios=(3, 2), layout="constrained"
    )
    bottom = np.zeros(len(rows))
    for column, (name, colour) in enumerate(zip(names, (BLUE, ORANGE, GREEN), strict=True)):
        left.bar(range(1, len(rows) + 1), rows[:, column], bottom=bottom, color=colour, label=name)
        bottom += rows[:, column]
    left.set(xlabel="window", ylabel="probability", title="Eight windows of one track")
    places = np.arange(len(names))
    right.barh(places - 0.2, counts / counts.sum(), 0.38, color=BLUE, label="share of votes")
    right.barh(places + 0.2, mean, 0.38, color=GREY, label="mean probability")
    right.set(yticks=places, yticklabels=names)
    right.set_title(f"vote: {names[by_vote]}; mean: {names[by_mean]}")
    right.invert_yaxis()
    for axes, columns in ((left, 3), (right, 1)):
        axes.legend(frameon=False, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def folds() -> Any:
    """Draw five folds over the same tracks, by artist and by track."""
    artists = [f"artist {number}" for number in range(10)]
    tracks = [
        Track(f"{artist} {take}", "ab"[number % 2], f"{number:02d}{take}", group=artist)
        for number, artist in enumerate(artists)
        for take in range(4)
    ]
    dataset = Dataset("example", "example", tracks)
    protocol = parse_protocol("kfold:5")
    figure, both = plt.subplots(1, 2, figsize=(WIDE, 2.9), sharey=True, layout="constrained")
    for axes, grouped, title in zip(
        both, (True, False), ("kfold:5, by artist", "kfold:5 --ungrouped, by track"), strict=True
    ):
        tested = np.zeros((5, len(dataset)), dtype=bool)
        for fold in protocol.folds(dataset, seed=0, grouped=grouped):
            tested[fold.number, fold.test] = True
        for number, row in enumerate(tested):
            axes.broken_barh([(0, len(row))], (number - 0.4, 0.8), color=GREY)
            runs = [(place, 1) for place in np.flatnonzero(row)]
            axes.broken_barh(runs, (number - 0.4, 0.8), color=ORANGE)
        for edge in range(4, len(dataset), 4):
            axes.axvline(edge, color="black", linewidth=0.5)
        axes.set(title=title, xlabel="40 tracks; a line between two artists", xticks=())
    both[0].set(ylabel="fold", yticks=range(5), yticklabels=range(1, 6))
    both[0].invert_yaxis()
    return figure


def intervals() -> Any:
    """Draw the interval of one accuracy while an artist's tracks are less and less independent."""
    takes = 8
    right_of_each_artist = np.repeat([8, 6, 4, 2, 0], [13, 5, 3, 2, 2])
    mixed = np.concatenate([np.arange(takes) < count for count in right_of_each_artist])
    artists = np.repeat(np.arange(len(right_of_each_artist)), takes)
    whole = np.sort(mixed)
    cases = {
        "200 single tracks": (mixed, np.arange(len(mixed))),
        "25 artists of 8 tracks,\nsome easier than others": (mixed, artists),
        "25 artists of 8 tracks,\nall right or all wrong": (whole, artists),
    }
    figure, axes = plt.subplots(figsize=(WIDE, 2.3), layout="constrained")
    for place, (is_right, groups) in enumerate(cases.values()):
        ((low, high),) = significance.intervals([_predictions(is_right, groups)], learnt=160)
        axes.plot([low, high], [place, place], color=BLUE, linewidth=4, solid_capstyle="butt")
        axes.plot([is_right.mean()], [place], "o", color="white", markeredgecolor=BLUE)
        axes.annotate(
            f"{low:.2f} to {high:.2f}", (high, place), (8, -3), textcoords="offset points"
        )
    axes.set(xlabel="accuracy, 150 of 200 tracks right", xlim=(0.5, 1), ylim=(2.6, -0.6))
    axes.set(yticks=range(len(cases)), yticklabels=cases)
    return figure


def _predictions(is_right: Any, groups: Any) -> Predictions:
    count = len(is_right)
    votes = np.stack([is_right, ~is_right], axis=1).astype(np.int64)
    names = tuple(map(str, range(count)))
    zeros = np.zeros(count, dtype=np.int64)
    return Predictions(("a", "b"), names, zeros, zeros, names, groups, votes, votes.astype(float))


def artists() -> Any:
    """Draw how the 100 tracks of each genre of GTZAN are shared out to artists."""
    figure, axes = plt.subplots(figsize=(WIDE, 3.4), layout="constrained")
    by_genre: dict[str, Counter[str]] = {genre: Counter() for genre in gtzan.GENRES}
    unknown: Counter[str] = Counter()
    for name, fact in gtzan.facts().items():
        genre = name.split(".")[0]
        if fact.artist is None:
            unknown[genre] += 1
        else:
            by_genre[genre][fact.artist] += 1
    for place, genre in enumerate(gtzan.GENRES):
        counts = np.array(sorted(by_genre[genre].values(), reverse=True))
        starts = np.cumsum(counts) - counts
        for chosen, colour in ((slice(1), ORANGE), (slice(1, None), BLUE)):
            pieces = list(zip(starts[chosen], counts[chosen], strict=True))
            axes.broken_barh(
                pieces, (place - 0.4, 0.8), color=colour, edgecolor="white", linewidth=0.4
            )
        axes.barh(place, unknown[genre], left=counts.sum(), color=GREY)
        label = f"{len(by_genre[genre])} artists"
        axes.annotate(label, (101, place), va="center", annotation_clip=False)
    axes.set(yticks=range(len(gtzan.GENRES)), yticklabels=gtzan.GENRES, xlim=(0, 100))
    axes.set(xlabel="tracks; a piece an artist, the most frequent first; grey: artist unknown")
    axes.invert_yaxis()
    return figure


FIGURES: dict[str, Callable[[], Any]] = {
    draw.__name__: draw for draw in (windows, votes, folds, intervals, artists)
}


def svg(draw: Callable[[], Any]) -> str:
    """Return a figure as SVG, the same for the same versions."""
    with plt.rc_context(STYLE):
        figure = draw()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # matplotlib writes six digits, of which nobody sees the last four.
    short = re.sub(r"(\d+\.\d{2})\d+", r"\1", text.getvalue())
    return short.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")


def main() -> None:
    """Write all figures."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        write_text(FOLDER / f"{name}.svg", svg(draw))


if __name__ == "__main__":
    main()
