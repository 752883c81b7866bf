import pytest

# Importing torch takes seconds.
pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from ragflow.embedding import prepacked  # noqa: E402


class Layer(nn.Module):
    """A linear layer, what follows it, and one more."""

    def __init__(self, activation):
        super().__init__()
        self.up, self.act, self.down = nn.Linear(32, 64), activation, nn.Linear(64, 32)

    def forward(self, states):
        return states + self.down(self.act(self.up(states)))


@pytest.fixture
def states():
    return torch.randn(2, 7, 32, generator=torch.Generator().manual_seed(1))


def packed(model, states):
    count = prepacked.prepack(model, lambda: model(states))
    with torch.inference_mode():
        return count, model(states)


@pytest.mark.parametrize(
    ("activation", "is_fused"),
    [
        (nn.GELU(), True),
        (nn.GELU(approximate="tanh"), True),
        (nn.ReLU(), False),
        (nn.Identity(), False),
    ],
)
@torch.inference_mode()
def test_layers_are_replaced_and_a_gelu_is_fused(states, activation, is_fused):
    model = nn.Sequential(Layer(activation), Layer(activation)).eval()
    expected = model(states)
    count, found = packed(model, states)
    assert count == 4
    assert not any(isinstance(module, nn.Linear) for module in model.modules())
    assert (model[0].act is not activation) is is_fused
    assert torch.allclose(found, expected, atol=1e-6)


@torch.inference_mode()
def test_half_precision_is_packed_as_well(states):
    model = Layer(nn.GELU()).eval().to(torch.bfloat16)
    expected = model(states.bfloat16())
    count, found = packed(model, states.bfloat16())
    assert (count, found.dtype) == (2, torch.bfloat16)
    assert torch.allclose(found.float(), expected.float(), atol=0.05)


@torch.inference_mode()
def test_a_gelu_that_takes_something_else_too_is_let_be(states):
    class Twice(Layer):
        def forward(self, states):
            return self.act(super().forward(states))

    model = Twice(nn.GELU()).eval()
    expected = model(states)
    assert torch.allclose(packed(model, states)[1], expected, atol=1e-6)
    assert isinstance(model.act, nn.GELU)


@torch.inference_mode()
def test_what_is_more_than_a_linear_layer_is_let_be(states):
    class Scaled(nn.Linear):
        def forward(self, states):
            return 2 * super().forward(states)

    model = nn.Sequential(Scaled(32, 32), nn.Linear(32, 32), nn.Linear(32, 32)).eval()
    model[1].register_forward_hook(lambda _module, _given, output: output + 1)
    expected = model(states)
    count, found = packed(model, states)
    assert count == 1
    assert torch.allclose(found, expected, atol=1e-6)


@torch.inference_mode()
def test_a_layer_used_in_two_places_is_packed_once(states):
    shared = nn.Linear(32, 32)
    model = nn.Sequential(shared, nn.Tanh(), shared).eval()
    expected = model(states)
    count, found = packed(model, states)
    assert count == 1
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_torch_without_the_operators_is_used_as_it_is(spec, folder, monkeypatch):
    from ragflow.embedding.forward import TorchForward

    usual = TorchForward(folder, "cpu", "float32")
    assert usual.packed > 0
    monkeypatch.setattr(prepacked, "is_available", lambda: False)
    plain = TorchForward(folder, "cpu", "float32")
    assert plain.packed == 0
    ids = [[101, 7592, 2088, 102], [101, 102]]
    assert abs(plain.rows(ids) - usual.rows(ids)).max() < 1e-6


def test_a_model_that_gives_something_else_packed_is_opened_again_as_it_is(folder, monkeypatch):
    from ragflow.embedding.forward import TorchForward

    expected = TorchForward(folder, "cpu", "float32", is_plain=True)

    def spoil(model, _probe):
        for parameter in model.parameters():
            parameter.data.mul_(-1.5)
        return 1

    monkeypatch.setattr(prepacked, "prepack", spoil)
    found = TorchForward(folder, "cpu", "float32")
    assert found.packed == 0
    ids = [[101, 7592, 2088, 102]]
    assert (found.rows(ids) == expected.rows(ids)).all()
