"""Who makes room when a table of strangers is full: one rule for half-open connections and for
pending peers.

Entries are kept in order of arrival. When there is no room, the oldest entry of the source address
with the most entries goes, so one noisy host pushes out only itself. Called by streams.py and
pending.py.
"""


def crowded_out(sources: "list[str]") -> int:
    """Index of the entry that goes, given each entry's source IP in order of arrival; the list is
    not empty.

    Of several sources with equally many entries, the one that came first gives way.
    """
    counts: dict[str, int] = {}
    for source in sources:
        counts[source] = counts.get(source, 0) + 1
    most = max(counts.values())
    for index, source in enumerate(sources):
        if counts[source] == most:
            return index
    return 0
