from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("tensorflow")

import tensorflow as tf  # noqa: E402

from layercheck import check_layer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class Traced(tf.Module):
    @tf.function
    def __call__(self, x):
        return x * float(x.numpy().sum())


class Complex(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.complex(tf.ones(4), tf.fill((4,), 0.5)))

    def __call__(self, x):
        return tf.abs(tf.cast(x, self.w.dtype) * self.w + 1.0)


class Unused(tf.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = tf.Variable(2.0), tf.Variable(3.0)

    def __call__(self, x):
        return self.used * x


def test_an_error_in_traced_code_is_told_with_the_users_own_line():
    report = check_layer(Traced(), "BC:3,4", only="shapes.predict")

    finding = report.failures[0].finding
    assert "no attribute 'numpy'" in finding.what
    assert "in user code" not in finding.what
    assert finding.source.file.endswith("test_tensorflow_usage.py")


def test_complex_variables_have_right_gradients_of_every_order():
    report = check_layer(Complex(), "BC:6,4", only="gradients")

    assert report.ok
    assert {r.outcome.value for r in report.results} == {"passed"}


def test_variables_are_learnables_by_path():
    report = check_layer(Unused(), "BC:3,4", only="gradients.learnable")

    assert {r.id for r in report.results if r.outcome.value == "passed"} == {
        "gradients.learnable:used",
        "gradients.learnable:unused",
    }


def test_the_module_that_was_handed_in_is_untouched():
    module = Unused()

    check_layer(module, "BC:3,4", only="gradients")

    assert (float(module.used), float(module.unused)) == (2.0, 3.0)
