"""How elements of a grid model are addressed: by name where that is unambiguous, else by index.

Grid models in the field carry empty, doubled and numeric names. Everything that names a bus, a line or
a transformer (scenario files, result tables, error messages) uses the names made here, and only here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def unique_names(names: Sequence[object], indices: Sequence[int]) -> tuple[str, ...]:
    """Return one unique name per element, in the order given.

    An element keeps its name if that is a string that is not blank and that no other element shares.
    All others are addressed by their index as text. Where such an index equals a name of another
    element, that one goes by its index too.

    Args:
        names: Names as the model has them, of any type (None and NaN are common).
        indices: Row index of each element in its table, unique.
    """
    if len(set(indices)) != len(indices):
        raise ValueError("indices are not unique")
    counts = Counter(name for name in names if isinstance(name, str))
    named = [isinstance(name, str) and bool(name.strip()) and counts[name] == 1 for name in names]
    by_name = {name: i for i, name in enumerate(names) if named[i]}
    queue = [i for i, kept in enumerate(named) if not kept]
    while queue:
        clash = by_name.get(str(indices[queue.pop()]))
        if clash is not None and named[clash]:
            named[clash] = False
            queue.append(clash)
    return tuple(
        str(name) if kept else str(index) for name, kept, index in zip(names, named, indices, strict=True)
    )
