from __future__ import annotations

import numpy as np
import pytest

from layercheck.arrays import read_data
from layercheck.errors import DataError

X = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def save(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def save_arrays(*arrays, **named):
        np.savez("d.npz", *arrays, **named)

    return save_arrays


def test_arrays_are_called_as_the_inputs_are(save):
    save(x=X, mask=X > 2)
    found = read_data(["d.npz"])

    assert set(found) == {"x", "mask"}
    np.testing.assert_array_equal(found["x"], X)


def test_an_only_array_without_a_name_is_that_of_every_input(save):
    save(X)

    assert list(read_data(["d.npz"])) == [""]


@pytest.mark.parametrize("stored", ["x", "something", "arr_0"])
def test_a_named_input_takes_the_only_array(save, stored):
    save(**{stored: X})
    found = read_data(["x=d.npz"])

    assert list(found) == ["x"]
    np.testing.assert_array_equal(found["x"], X)


def test_a_named_input_takes_the_array_of_its_name(save):
    save(other=X + 1, x=X)

    np.testing.assert_array_equal(read_data(["x=d.npz"])["x"], X)


def test_a_file_whose_name_has_an_equals_sign_is_a_file(save, tmp_path):
    save(x=X)
    (tmp_path / "d.npz").rename("a=d.npz")

    assert list(read_data(["a=d.npz"])) == ["x"]


def refusal(*texts):
    with pytest.raises(DataError) as caught:
        read_data(texts)
    return str(caught.value)


def test_several_arrays_without_the_name_are_refused(save):
    save(xx=X, y=X)

    assert refusal("x=d.npz") == "'d.npz' has no array 'x'. Did you mean 'xx'? It holds xx, y."


def test_an_input_that_is_given_twice_is_refused(save):
    save(x=X)

    assert "gives the input 'x' twice" in refusal("d.npz", "x=d.npz")


def test_pickles_are_refused_and_not_run(save):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit('a pickle was run')",)

    save(x=np.array([Bomb()], dtype=object))

    assert "'x' of 'd.npz' holds pickled Python objects" in refusal("d.npz")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken", b"\x80\x04N."])
def test_a_file_that_is_no_npz_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.npz").write_bytes(content)

    assert refusal("d.npz").startswith("'d.npz' is no .npz file. Write it with numpy.savez")


def test_a_damaged_archive_is_refused(save, tmp_path):
    save(x=np.arange(1000.0))
    data = bytearray((tmp_path / "d.npz").read_bytes())
    data[500] ^= 0xFF
    (tmp_path / "d.npz").write_bytes(data)

    assert refusal("d.npz").startswith("'d.npz' is no .npz file.")


def test_a_missing_file_and_a_folder_are_refused(save):
    assert refusal("no.npz") == "'no.npz' cannot be read: No such file or directory."
    assert refusal(".").startswith("'.' cannot be read")


def test_a_npy_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("d.npy", X)

    assert refusal("d.npy").startswith("'d.npy' is a .npy file: it names no inputs.")


def test_an_archive_of_nothing_is_refused(save):
    save()

    assert refusal("d.npz").startswith("'d.npz' holds no array.")
