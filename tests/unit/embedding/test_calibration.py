import msgspec
import numpy as np
import pytest

from ragflow.embedding import encoder as encoding
from ragflow.embedding import keeping, self_check, trials
from ragflow.embedding.calibration import (
    Calibration,
    calibrate,
    choose_precision,
    kept_calibration,
    recall_calibration,
)
from ragflow.embedding.encoder import Encoder
from ragflow.embedding.forward import TorchForward, Way
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.trials import Trial, Trials
from ragflow.errors import ParameterError

# Importing torch and sentence-transformers takes five seconds and more.
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def kept_in(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ragflow" / "calibrations"


class Still:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.at = 0.0

    def elapsed(self):
        self.at += 0.001
        return self.at


@pytest.fixture
def half(monkeypatch):
    """A processor that computes in bfloat16, whatever this one does."""
    monkeypatch.setattr(trials, "half_precisions", lambda _: ["bfloat16"])
    monkeypatch.setattr(encoding, "half_precisions", lambda _: ["bfloat16"])


class Spoilt:
    """Computes half precision badly: every component a little off, by turns."""

    def __init__(self, by):
        self._by = by

    def __call__(self, folder, device, way):
        forward = TorchForward(folder, device, way.precision)
        by = self._by if way.precision == "bfloat16" else 0.0

        class Forward:
            def rows(self, batch):
                rows = forward.rows(batch)
                rows[:, ::2] *= 1 + by
                return rows

        return Forward()


def calibration_of(spec, **changes):
    trial = Trial(engine="torch", precision="float32", budget=1024, threads=1)
    found = Calibration(
        model=spec.name,
        device="cpu",
        machine="",
        engine="torch",
        precision="float32",
        budget=1024,
        threads=1,
        trials=(trial,),
        seconds=0.0,
        kept_at="",
    )
    return msgspec.structs.replace(found, **changes)


def test_a_calibration_tries_every_precision_and_is_kept(spec, folder, half, kept_in):
    found = calibrate(spec, device="cpu", clock=Still())
    assert kept_calibration(spec) == kept_calibration(spec, "cpu") == found
    assert recall_calibration(spec, folder, "cpu") == found
    assert [str(file) for file in kept_in.iterdir()] == [found.kept_at]
    tried = {(t.precision, t.budget) for t in found.trials if t.engine == "torch"}
    assert {("float32", 1024), ("bfloat16", 1024)} <= tried
    assert len({t.budget for t in found.trials}) == len(trials.BUDGETS)
    chosen = found.of(found.way)
    assert not chosen.refused
    assert chosen.tokens_per_second > 0
    plain = found.of(Way("torch", "float32", 0, 0))
    assert plain.worst > 0.999999


def test_what_differs_too_much_is_refused_and_never_chosen(spec, folder, half, monkeypatch):
    monkeypatch.setattr(trials, "open_forward", Spoilt(0.1))
    found = choose_precision(spec, folder, "cpu")
    refused = found.of(Way("torch", "bfloat16", 0, 0))
    assert "less than 0.9998" in refused.refused
    assert refused.worst < self_check.WORST
    assert refused.tokens_per_second is None
    assert found.precision == "float32"
    with pytest.raises(ParameterError, match=r"'bfloat16' cannot be used .*less than 0\.9998"):
        Encoder(spec, folder, device="cpu", precision="bfloat16")


def test_a_precision_that_the_processor_has_not_is_refused(spec, folder, half, monkeypatch):
    monkeypatch.setattr(trials, "half_precisions", lambda _: [])
    with pytest.raises(ParameterError, match=r"'float16' cannot be used .*does not compute in it"):
        Encoder(spec, folder, device="cpu", precision="float16")


def test_a_way_that_fails_is_refused_with_its_words(spec, folder, half, monkeypatch):
    def failing(folder, device, way):
        if way.precision == "bfloat16":
            raise RuntimeError("no such instruction\nand more")
        return TorchForward(folder, device, way.precision)

    monkeypatch.setattr(trials, "open_forward", failing)
    found = choose_precision(spec, folder, "cpu")
    refused = found.of(Way("torch", "bfloat16", 0, 0))
    assert refused.refused == "it failed: RuntimeError: no such instruction"
    assert found.precision == "float32"


class ShortOfMemory:
    """Computes half precision until it has given so many rows; then memory is short."""

    def __init__(self, rows):
        self._rows = rows

    def __call__(self, folder, device, way):
        forward = TorchForward(folder, device, way.precision)
        left = self._rows

        class Forward:
            def rows(self, batch):
                nonlocal left
                if way.precision != "float32":
                    left -= len(batch)
                    if left < 0:
                        raise MemoryError
                return forward.rows(batch)

        return Forward()


@pytest.mark.parametrize("rows", [0, len(self_check.held_texts())])
def test_a_way_that_memory_was_short_for_is_refused_this_time_alone(
    spec, folder, half, monkeypatch, rows
):
    with monkeypatch.context() as patch:
        patch.setattr(trials, "open_forward", ShortOfMemory(rows))
        found = choose_precision(spec, folder, "cpu", clock=Still())
    refused = found.of(Way("torch", "bfloat16", 0, 0))
    assert refused.refused.startswith("it failed: LimitError")
    assert (refused.worst is None) == (rows == 0)  # checked, and failed when it was timed
    assert (found.precision, found.kept_at) == ("float32", "")
    assert kept_calibration(spec) is None
    again = choose_precision(spec, folder, "cpu", clock=Still())
    assert not again.of(Way("torch", "bfloat16", 0, 0)).refused
    assert kept_calibration(spec) == again


def test_a_size_that_fails_is_not_chosen_and_the_calibration_stands(
    spec, folder, half, monkeypatch
):
    def failing(folder, device, way):
        forward = TorchForward(folder, device, way.precision)

        class Forward:
            def rows(self, batch):
                if sum(map(len, batch)) > 1500:
                    raise RuntimeError("too many at once")
                return forward.rows(batch)

        return Forward()

    monkeypatch.setattr(trials, "open_forward", failing)
    monkeypatch.setattr(trials, "BUDGETS", (1024, 4096))
    tried = Trials(spec, folder, "cpu", clock=Still(), seconds=60)
    tried.try_precisions()
    tried.try_budgets()
    tried.close()
    assert tried.done[-1].budget == 4096
    assert tried.done[-1].refused == "it failed: RuntimeError: too many at once"
    assert tried.best.budget <= 1024


def test_what_a_calibration_tried_is_not_replaced_by_less(spec, folder, half, monkeypatch):
    other = Trial(engine="openvino", precision="float32", budget=512, threads=1)
    kept = calibration_of(spec, engine="openvino", trials=(*calibration_of(spec).trials, other))
    place = keeping.place_of(spec, folder, "cpu")

    def meanwhile(folder, device, way):
        keeping.keep(place, kept)
        return TorchForward(folder, device, way.precision)

    with monkeypatch.context() as patch:
        patch.setattr(trials, "open_forward", meanwhile)
        assert choose_precision(spec, folder, "cpu") == kept
    assert choose_precision(spec, folder, "cpu") == kept
    assert kept_calibration(spec) == kept


def test_a_calibration_without_time_still_tries_every_precision(spec, folder, half):
    class Late(Still):
        def elapsed(self):
            self.at += 60
            return self.at

    found = calibrate(spec, device="cpu", clock=Late())
    of_torch = [t for t in found.trials if t.engine == "torch"]
    assert [t.precision for t in of_torch] == ["float32", "bfloat16"]
    assert all(t.worst is not None for t in of_torch)


def test_the_fastest_that_passed_is_chosen_and_noise_is_not(spec, folder):
    tried = Trials.__new__(Trials)
    tried.device = "cpu"
    tried.done = [
        Trial(engine="torch", precision=p, budget=b, threads=2, tokens_per_second=s, refused=r)
        for p, b, s, r in [
            ("float32", 1024, 100.0, ""),
            ("float16", 1024, None, "it failed"),
            ("bfloat16", 1024, 200.0, ""),
            ("bfloat16", 2048, 205.0, ""),
        ]
    ]
    assert tried.best == Way("torch", "bfloat16", 1024, 2)


def test_nothing_is_calibrated_without_weights():
    with pytest.raises(ParameterError, match="nothing to calibrate"):
        calibrate(load_spec("hashing"))
    with pytest.raises(ParameterError, match="nothing to calibrate"):
        kept_calibration(load_spec("hashing"))


def test_a_device_that_is_not_there_is_named(spec):
    with pytest.raises(ParameterError, match="device 'cuda:99' is not there"):
        calibrate(spec, device="cuda:99")


# --- What is kept -------------------------------------------------------------------------------


def test_what_is_kept_is_of_one_machine_and_one_model(spec, folder, monkeypatch):
    here = keeping.place_of(spec, folder, "cpu")
    assert here == keeping.place_of(spec, folder, "cpu")
    others = {keeping.place_of(spec, folder, "cuda")}
    others.add(keeping.place_of(msgspec.structs.replace(spec, digest="sha256:0"), folder, "cpu"))
    others.add(keeping.place_of(msgspec.structs.replace(spec, digest=""), folder, "cpu"))
    for name, answer in [
        ("usable_cores", lambda: 77),
        ("_version", lambda name: f"{name} 99"),
        ("_flags", lambda: "sse2"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(keeping, name, answer)
            others.add(keeping.place_of(spec, folder, "cpu"))
    assert here not in others
    assert len(others) == 6


@pytest.mark.parametrize("text", [b"", b"{", b'{"model": 1}', b"\xff"])
def test_what_cannot_be_read_is_as_nothing(spec, folder, text):
    place = keeping.place_of(spec, folder, "cpu")
    assert keeping.keep(place, calibration_of(spec))
    assert kept_calibration(spec) is not None
    place.write_bytes(text)
    assert kept_calibration(spec) is None


def test_a_folder_that_cannot_be_written_is_done_without(spec, folder, tmp_path):
    (tmp_path / "ragflow").write_text("in the way")
    found = choose_precision(spec, folder, "cpu", clock=Still())
    assert found.kept_at == ""
    assert kept_calibration(spec) is None


# --- The encoder --------------------------------------------------------------------------------


def test_a_kept_calibration_is_used(spec, folder):
    kept = calibration_of(spec, budget=300, threads=1)
    keeping.keep(keeping.place_of(spec, folder, "cpu"), kept)
    encoder = Encoder(spec, folder, device="cpu")
    assert encoder.way == Way("torch", "float32", 300, 1)
    encoder.close()


def test_half_precision_is_tried_once_there_are_many_texts(spec, folder, half, monkeypatch):
    monkeypatch.setattr(encoding, "MANY", 20)
    encoder = Encoder(spec, folder, device="cpu")
    texts = [f"text number {n} of a few" for n in range(19)]
    first = encoder.embed(texts)
    assert encoder.way.precision == "float32"
    assert kept_calibration(spec) is None
    chosen = kept_chosen(spec, encoder, texts)
    assert encoder.way.precision == chosen.precision
    again = encoder.embed(texts)
    one, two = (
        np.array([np.frombuffer(each.half, "<f2").astype(float) for each in vectors])
        for vectors in (first, again)
    )
    assert (one * two).sum(axis=1).min() > self_check.WORST - 2**-10
    encoder.close()


def test_without_room_for_a_trial_the_model_goes_on(spec, folder, half, monkeypatch):
    monkeypatch.setattr(encoding, "MANY", 1)
    encoder = Encoder(spec, folder, device="cpu")
    rows = TorchForward.rows

    def short(self, batch):
        if self is not encoder._forward:
            raise MemoryError
        return rows(self, batch)

    monkeypatch.setattr(TorchForward, "rows", short)
    assert len(encoder.embed(["a", "b"])) == 2
    assert encoder.way.precision == "float32"
    assert kept_calibration(spec) is None
    encoder.close()


def test_a_calibration_made_meanwhile_is_followed_where_it_tried_this_engine(
    spec, folder, half, monkeypatch
):
    monkeypatch.setattr(encoding, "MANY", 1)
    of_torch = calibration_of(spec).trials[0]
    faster = msgspec.structs.replace(of_torch, precision="bfloat16")
    elsewhere = msgspec.structs.replace(faster, engine="openvino")
    for chosen, expected in ((elsewhere, "float32"), (faster, "bfloat16")):
        place = keeping.place_of(spec, folder, "cpu")
        place.unlink(missing_ok=True)
        encoder = Encoder(spec, folder, device="cpu")
        kept = calibration_of(
            spec, engine=chosen.engine, precision="bfloat16", trials=(of_torch, chosen)
        )
        keeping.keep(place, kept)
        encoder.embed(["a", "b"])
        assert (encoder.way.engine, encoder.way.precision) == ("torch", expected)
        assert kept_calibration(spec) == kept
        encoder.close()


def kept_chosen(spec, encoder, texts):
    encoder.embed(texts[:1])
    kept = kept_calibration(spec)
    assert [t.precision for t in kept.trials] == ["float32", "bfloat16"]
    return kept


def test_single_precision_asked_for_is_kept_to(spec, folder, half, monkeypatch):
    monkeypatch.setattr(encoding, "MANY", 1)
    encoder = Encoder(spec, folder, device="cpu", precision="float32")
    encoder.embed(["a", "b"])
    assert encoder.way.precision == "float32"
    assert kept_calibration(spec) is None
    encoder.close()
