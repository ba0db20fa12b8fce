from __future__ import annotations

import importlib
import pickle
import shlex
import sys
import textwrap

import numpy as np
import pytest

from layercheck.errors import TargetError
from layercheck.loading import load_all, load_targets, loaded_object
from layercheck.recognition import FunctionPair

RELU = """
    import numpy as np


    class Relu:
        def forward(self, x):
            self.mask = x > 0
            return x * self.mask

        def backward(self, dout):
            return dout * self.mask
"""
PAIR = """
    def affine_forward(x, w):
        return x @ w, (x, w)


    def affine_backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files in a working folder; what they import is forgotten afterwards."""
    modules, path = dict(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)

    def write_files(files):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, bytes):
                file.write_bytes(text)
            else:
                file.write_text(textwrap.dedent(text))

    yield write_files
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    importlib.invalidate_caches()


def message_of(text):
    with pytest.raises(TargetError) as caught:
        load_targets(text)
    return str(caught.value)


def test_file_gives_its_only_layer(write, tmp_path):
    write({"relu.py": RELU})

    (loaded,) = load_targets("relu.py")

    assert (loaded.target, loaded.name) == ("relu.py::Relu", "Relu")
    assert loaded.obj.__name__ == "Relu"
    assert loaded.module is sys.modules[loaded.obj.__module__]
    assert (loaded.file, loaded.line) == (str(tmp_path / "relu.py"), 5)
    assert loaded.warnings == ()


@pytest.mark.parametrize("text", ["sub/relu.py", "./sub/relu.py", "sub/../sub/relu.py::Relu"])
def test_target_is_written_as_one_would_retype_it(write, text):
    write({"sub/relu.py": RELU})

    (loaded,) = load_targets(text)

    assert loaded.target == "sub/relu.py::Relu"
    (again,) = load_targets(loaded.target)
    assert again.obj is loaded.obj


def test_file_gives_its_only_pair(write):
    write({"affine.py": PAIR})

    (loaded,) = load_targets("affine.py")

    assert loaded.target == "affine.py::affine"
    assert isinstance(loaded.obj, FunctionPair)
    assert (loaded.name, loaded.line) == ("affine", 2)


@pytest.mark.parametrize("name", ["affine", "affine_forward", "affine_backward"])
def test_pair_is_found_by_its_stem_and_its_functions(write, name):
    write({"affine.py": PAIR})

    (loaded,) = load_targets(f"affine.py::{name}")

    assert loaded.target == "affine.py::affine"
    assert loaded.obj.backward.__name__ == "affine_backward"


def test_name_may_be_a_class_object_factory_function_or_nested_class(write):
    write(
        {
            "layers.py": textwrap.dedent(RELU)
            + "relu = Relu()\n"
            + "def make_relu():\n    return Relu()\n"
            + "def double(x):\n    return 2 * x\n"
            + "class Outer:\n    class Inner(Relu):\n        pass\n"
        }
    )

    found = {
        name: load_targets(f"layers.py::{name}")[0]
        for name in ("Relu", "relu", "make_relu", "double", "Outer.Inner")
    }

    assert type(found["relu"].obj) is found["Relu"].obj
    assert found["relu"].line == found["Relu"].line == 5
    assert found["make_relu"].line == 13
    assert found["double"].obj(4) == 8
    assert found["Outer.Inner"].target == "layers.py::Outer.Inner"


def test_file_that_only_makes_an_object_gives_it(write):
    write({"base.py": RELU, "made.py": "import base\nlayer = base.Relu()\n"})

    (loaded,) = load_targets("made.py")

    assert loaded.target == "made.py::layer"


def test_imported_and_private_classes_are_not_the_layers_of_a_file(write):
    write(
        {
            "base.py": RELU,
            "mine.py": "from base import Relu\nclass _B(Relu): pass\nclass A(_B): pass",
        }
    )

    assert [each.name for each in load_targets("mine.py")] == ["A"]
    assert [each.name for each in load_targets("mine.py::_B")] == ["_B"]
    assert [each.name for each in load_targets("mine.py::Relu")] == ["Relu"]


def test_module_target_imports_from_the_working_folder(write):
    write({"pack/__init__.py": "", "pack/layers.py": RELU, "single.py": RELU})

    assert [each.target for each in load_targets("pack.layers:Relu")] == ["pack.layers:Relu"]
    assert [each.target for each in load_targets("single:Relu")] == ["single:Relu"]
    assert [each.target for each in load_targets("single")] == ["single:Relu"]


def test_file_in_a_package_is_imported_by_its_dotted_name(write, tmp_path):
    write(
        {
            "src/pack/__init__.py": "",
            "src/pack/sub/__init__.py": "",
            "src/pack/sub/relu.py": "from ..base import Relu\nclass Mine(Relu): pass\n",
            "src/pack/base.py": RELU,
        }
    )

    (loaded,) = load_targets("src/pack/sub/relu.py")

    assert loaded.obj.__module__ == "pack.sub.relu"
    assert sys.path[0] == str(tmp_path / "src")
    assert pickle.loads(pickle.dumps(loaded.obj())).__class__ is loaded.obj


def test_two_packages_of_one_name_are_told_apart(write):
    write(
        {
            "a/pack/__init__.py": "",
            "a/pack/relu.py": RELU,
            "b/pack/__init__.py": "",
            "b/pack/relu.py": RELU,
        }
    )
    (first,) = load_targets("a/pack/relu.py")
    (second,) = load_targets("b/pack/relu.py")

    assert first.obj is not second.obj
    assert first.file != second.file


def test_package_with_the_name_of_another_module_is_refused(write):
    write({"json/__init__.py": "", "json/relu.py": RELU})

    text = message_of("json/relu.py")

    assert text.startswith("json/relu.py belongs to the package 'json', and another module of that")
    assert text.endswith("Rename the package, or check it in a command of its own.")


def test_lone_file_is_registered_under_a_name_of_ours_and_never_as_main(write):
    write({"relu.py": RELU + "\n    if __name__ == '__main__':\n        raise SystemExit(3)\n"})

    (loaded,) = load_targets("relu.py")

    assert loaded.obj.__module__.startswith("layercheck_target_relu_")
    assert pickle.loads(pickle.dumps(loaded.obj())).__class__ is loaded.obj


def test_file_imports_its_neighbours_and_each_folder_its_own(write):
    write(
        {
            f"{folder}/{name}": text
            for folder, factor in (("one", 1), ("two", 2))
            for name, text in {
                "neighbour.py": f"FACTOR = {factor}\n",
                "layer.py": textwrap.dedent(RELU) + "from neighbour import FACTOR\n",
            }.items()
        }
    )

    loaded = [load_targets(f"{folder}/layer.py")[0] for folder in ("one", "two", "one")]

    assert [each.module.FACTOR for each in loaded] == [1, 2, 1]


def test_edited_file_is_imported_anew(write):
    write({"relu.py": RELU})
    (before,) = load_targets("relu.py")
    write({"relu.py": RELU.replace("x > 0", "x > 1")})
    (after,) = load_targets("relu.py")

    assert before.obj is not after.obj
    assert after.obj().forward(np.float64(0.5)) == 0.0


def test_odd_file_names_are_imported(write):
    write({"my-layer 2.py": RELU, "pack/__init__.py": "", "pack/a-b.py": RELU})

    assert load_targets("my-layer 2.py")[0].target == "my-layer 2.py::Relu"
    assert load_targets("pack/a-b.py")[0].name == "Relu"


def test_import_prints_nothing_on_stdout_and_sees_no_arguments_of_ours(write, capsys):
    write({"relu.py": RELU + "\n    import sys\n    print('noise', len(sys.argv))\n"})

    load_targets("relu.py")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "noise 1\n"


def test_import_leaves_no_compiled_file(write, tmp_path):
    write({"relu.py": RELU})

    load_targets("relu.py")

    assert [each.name for each in tmp_path.iterdir()] == ["relu.py"]


def test_folder_gives_every_layer_in_it(write):
    write(
        {
            "layers/relu.py": RELU,
            "layers/deep/affine.py": PAIR,
            "layers/both.py": textwrap.dedent(RELU) + textwrap.dedent(PAIR),
            "layers/script.py": "raise SystemExit('a script must not run')\n",
            "layers/test_relu.py": "class TestRelu:\n    raise SystemExit('nor a test')\n",
            "layers/.hidden/relu.py": RELU,
            "layers/venv/pyvenv.cfg": "",
            "layers/venv/relu.py": RELU,
            "layers/notes.txt": "",
        }
    )

    assert [each.target for each in load_targets("layers")] == [
        "layers/both.py::Relu",
        "layers/both.py::affine",
        "layers/relu.py::Relu",
        "layers/deep/affine.py::affine",
    ]
    assert [each.target for each in load_targets("layers/*.py")] == [
        "layers/both.py::Relu",
        "layers/both.py::affine",
        "layers/relu.py::Relu",
    ]
    assert len(load_targets("layers/**/affine.py")) == 1


def test_several_targets_keep_what_loads_beside_the_errors(write):
    write({"a/relu.py": RELU, "a/broken.py": "class A(\n", "b.py": PAIR})

    loading = load_all(["a", "b.py", "b.py::affine", "missing.py"])

    assert [each.target for each in loading.targets] == ["a/relu.py::Relu", "b.py::affine"]
    assert [str(error).split()[0] for error in loading.errors] == ["a/broken.py", "There"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("relo.py", "There is no file 'relo.py' in "),
        ("relo.py", "Did you mean 'relu.py'?"),
        ("nowhere/relu.py", "There is no folder 'nowhere', so there is no file 'nowhere/relu.py'."),
        ("relu.py:Relu", "Write two colons: relu.py::Relu."),
        ("relu.py::", "The target 'relu.py::' is incomplete."),
        ("", "The target '' is incomplete."),
        ("pack.layers:", "is incomplete. Write package.module:NAME."),
        ("relu.py::Rely", "relu.py has no 'Rely'. Did you mean 'Relu'? Its layers are Relu."),
        ("relu.py::RELU", "relu.py has no 'RELU'. Did you mean 'Relu'?"),
        ("relu.py::size", "size in relu.py is of type int, which is no layer. A layer is a class"),
        ("relu.py::np", "np in relu.py is of type module, which is no layer."),
        ("relu.py::Sizes", "Sizes in relu.py is a class without a forward pass."),
        ("relu.py::Skeleton", "is an abstract class: its forward pass has no body."),
        ("relu.py::Abstract", "is an abstract class: it leaves forward to its subclasses."),
        ("empty.py", "empty.py defines no layer: no class with a forward pass"),
        ("empty.py", "Name what to check: empty.py::NAME."),
        ("folder", "'folder' holds no layer"),
        ("folder::Relu", "'folder' is no single file. Write FILE.py::Relu for one of it."),
        ("*.nothing", "No file matches '*.nothing'."),
        ("notes.txt", "notes.txt is not a .py file."),
        ("data.npy", "data.npy is a binary file, not Python source."),
        ("compiled.py", "compiled.py is a binary file, not Python source."),
        ("latin.py", "latin.py is not Python source: SyntaxError: "),
        ("book.ipynb", "book.ipynb is a notebook. Save the layer to a .py file and name that."),
        ("reluu:Relu", "There is no file, folder or module 'reluu'. Did you mean 'relu'?"),
        ("numpy.linalgg:Relu", "There is no module 'linalgg' in 'numpy'. Did you mean 'linalg'?"),
        ("numpy.linalg:Relu", "numpy.linalg has no 'Relu'."),
    ],
)
def test_target_errors_say_what_was_found_and_what_to_write(write, text, message):
    write(
        {
            "relu.py": textwrap.dedent(RELU)
            + "import abc\nsize = 3\nclass Sizes: pass\n"
            + "class Skeleton:\n    def forward(self, x):\n        raise NotImplementedError\n"
            + "class Abstract(abc.ABC):\n    @abc.abstractmethod\n    def forward(self): pass\n",
            "empty.py": "import numpy as np\n",
            "folder/script.py": "x = 1\n",
            "notes.txt": "x = 1\n",
            "data.npy": b"\x93NUMPY\x01\x00v\x00",
            "compiled.py": b"\xa7\r\r\n\x00\x00",
            "latin.py": b"# caf\xe9\n",
            "book.ipynb": "{}",
        }
    )

    assert message in message_of(text)


def test_several_layers_are_listed_with_the_commands_to_choose(write):
    write({"two of.py": textwrap.dedent(RELU) + textwrap.dedent(PAIR)})

    first, *commands = message_of("two of.py").splitlines()

    assert first == "two of.py defines 2 layers. Choose one:"
    targets = [shlex.split(command)[1] for command in commands]
    assert targets == ["two of.py::Relu", "two of.py::affine"]
    assert [load_targets(target)[0].target for target in targets] == targets


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "x = 1\ny = (2,\n",
            "bad.py cannot be imported: line 2 raised SyntaxError: '(' was never closed.\n"
            "    2 | y = (2,",
        ),
        (
            "def f():\nreturn 1\n",
            "bad.py cannot be imported: line 2 raised IndentationError: expected an indented block "
            "after function definition on line 1.\n    2 | return 1",
        ),
        (
            "import no_such_module\n",
            "bad.py cannot be imported: line 1 raised ModuleNotFoundError: No module named "
            "'no_such_module'.\n    1 | import no_such_module\n"
            "Install 'no_such_module' beside layercheck, or correct the name.",
        ),
        (
            "from . import neighbour\n",
            "bad.py cannot be imported: line 1 raised ImportError: attempted relative import with "
            "no known parent package.\n    1 | from . import neighbour\n"
            "The file is in no package. Add an __init__.py to its folder, "
            "or name it as package.module:NAME.",
        ),
        (
            "import numpy as np\n\nx = np.ones(3).reshape(2, 2)\n",
            "bad.py cannot be imported: line 3 raised ValueError: cannot reshape array of size 3 "
            "into shape (2,2).\n    3 | x = np.ones(3).reshape(2, 2)",
        ),
        (
            "import sys\nsys.exit(2)\n",
            "bad.py cannot be imported: line 2 raised SystemExit: 2.\n    2 | sys.exit(2)\n"
            "Put what only the script does under: if __name__ == '__main__':",
        ),
        (
            "import broken\n",
            "bad.py cannot be imported: broken.py, line 1 raised NameError: name 'undefined' is "
            "not defined.\n    1 | undefined",
        ),
        ("x = 1\nraise ValueError\n", "line 2 raised ValueError.\n    2 | raise ValueError"),
        ("raise ValueError('a\\nb')\n", "line 1 raised ValueError: a.\n"),
    ],
)
def test_import_errors_show_the_users_own_line(write, source, message):
    write({"bad.py": source, "broken.py": "undefined\n"})

    assert message in message_of("bad.py")
    assert not [name for name in sys.modules if name.startswith("layercheck_target_bad")]


def test_import_error_of_a_module_target_names_file_and_line(write):
    write({"pack/__init__.py": "", "pack/bad.py": "\nimport no_such_module\n"})

    text = message_of("pack.bad:Relu")

    assert text.startswith("The module 'pack.bad' cannot be imported: pack/bad.py, line 2 raised")


def test_interrupt_while_importing_is_not_explained_away(write):
    write({"slow.py": "raise KeyboardInterrupt\n"})

    with pytest.raises(KeyboardInterrupt):
        load_targets("slow.py")


def test_files_that_shadow_modules_are_named_in_a_warning(write):
    write({"random.py": "", "numpy/__init__.py": "", "relu.py": RELU, "other.py": ""})

    (loaded,) = load_targets("relu.py")

    assert loaded.warnings == (
        "numpy has the name of the module 'numpy' and may be imported in its place. Rename it.",
        "random.py has the name of the module 'random' and may be imported in its place. "
        "Rename it.",
    )


def test_target_file_may_have_the_name_of_a_module(write):
    write({"queue.py": RELU})

    (loaded,) = load_targets("queue.py")

    assert loaded.name == "Relu"
    assert [each.split()[0] for each in loaded.warnings] == ["queue.py"]


class Halver:
    def forward(self, x):
        return x / 2


def double_forward(x):
    return 2 * x, None


def double_backward(dout, cache):
    return 2 * dout


def test_object_is_a_target_of_its_own():
    loaded = loaded_object(Halver())

    assert loaded.name == "Halver"
    assert loaded.target == f"{__name__}:Halver"
    assert loaded.file == __file__
    assert loaded.line == Halver.forward.__code__.co_firstlineno - 1


def test_functions_given_as_a_pair_are_a_target():
    loaded = loaded_object((double_forward, double_backward))

    assert loaded.obj == FunctionPair("double", double_forward, double_backward)


def test_object_of_a_lone_file_is_named_by_its_file(write):
    write({"relu.py": RELU})
    (loaded,) = load_targets("relu.py")

    assert loaded_object(loaded.obj()).target == "relu.py::Relu"


def test_local_class_has_no_target_to_retype():
    class Local(Halver):
        pass

    assert loaded_object(Local).target == "Local"


@pytest.mark.parametrize("obj", [3, "PReLU", None, np, [Halver()]])
def test_object_that_is_no_layer_is_refused(obj):
    with pytest.raises(TargetError, match=r"which is no layer\. A layer is a class or object"):
        loaded_object(obj)
