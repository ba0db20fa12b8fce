"""Input data from files: ``--data FILE.npz`` and ``--data NAME=FILE.npz``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from layercheck.errors import DataError, describe, nearest

_SAVE = "Write it with numpy.savez(FILE, x=...), one array for each input."


def read_data(texts: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the arrays that ``--data`` names, by input; "" stands for every input.

    Parameters
    ----------
    texts : iterable of str
        ``FILE.npz``: its arrays are called as the inputs are; an only array may have any name.
        ``NAME=FILE.npz``: the array of that name, or its only one.

    Raises
    ------
    DataError
        A file is none, is no ``.npz`` file, holds pickled objects, or has no such array.
    """
    found: dict[str, np.ndarray] = {}
    for text in texts:
        name, file = _split(text)
        for key, array in _of_file(name, file).items():
            if key in found:
                raise DataError(f"--data gives the input {key!r} twice. Keep one of them.")
            found[key] = array
    return found


def _split(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not equals or not name.isidentifier() or Path(text).is_file():
        return "", text
    return name, file


def _of_file(name: str, file: str) -> dict[str, np.ndarray]:
    arrays = _read(file)
    if name and name not in arrays and len(arrays) > 1:
        raise DataError(
            f"{file!r} has no array {name!r}.{nearest(name, arrays)} It holds {', '.join(arrays)}."
        )
    if name:
        return {name: arrays[name] if name in arrays else next(iter(arrays.values()))}
    return {"": arrays["arr_0"]} if list(arrays) == ["arr_0"] else arrays


def _read(file: str) -> dict[str, np.ndarray]:
    try:
        with Path(file).open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{file!r} is a .npy file: it names no inputs. {_SAVE}")
            arrays = {name: _member(archive, name, file) for name in archive.files}
    except OSError as error:
        raise DataError(f"{file!r} cannot be read: {error.strerror or describe(error)}.") from error
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged bytes may fail anywhere in zipfile and numpy
        raise DataError(f"{file!r} is no .npz file. {_SAVE}") from error
    if not arrays:
        raise DataError(f"{file!r} holds no array. {_SAVE}")
    return arrays


def _member(archive: np.lib.npyio.NpzFile, name: str, file: str) -> np.ndarray:
    try:
        array = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise DataError(
            f"The array {name!r} of {file!r} holds pickled Python objects, which are not loaded. "
            "Save numbers: numpy.savez(FILE, x=x.astype(float))."
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{name!r} in {file!r} is no array. {_SAVE}")
    return array
