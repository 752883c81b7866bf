"""What every test may ask for."""

import importlib.util
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Before any test imports a library that would look for a model beyond this machine.
os.environ["HF_HUB_OFFLINE"] = "1"

# What runs find out about this machine is for them alone: kept, it would decide what others do.
_KEPT = tempfile.TemporaryDirectory(prefix="ragflow-tests-")
os.environ["XDG_CACHE_HOME"] = _KEPT.name

# Two busy cores make any deadline a matter of luck.
settings.register_profile("ragflow", deadline=None)
settings.load_profile("ragflow")


def _use_vocabularies_at_hand() -> None:
    """Let tiktoken find its vocabularies in the package that `make setup` brings for them."""
    package = importlib.util.find_spec("llama_index")
    for folder in (package.submodule_search_locations or ()) if package else ():
        vocabularies = Path(folder, "core", "_static", "tiktoken_cache")
        if vocabularies.is_dir():
            os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(vocabularies))


_use_vocabularies_at_hand()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no accelerator on this machine")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder that holds `corpora/`: inputs others wrote, which the project does not ship."""
    folder = Path(os.environ.get("RAGFLOW_SHARED") or ROOT.parent / "shared").resolve()
    if not (folder / "corpora").is_dir():
        pytest.skip(f"no shared corpora in {folder}; RAGFLOW_SHARED names the folder")
    return folder


@pytest.fixture
def no_network() -> Iterator[None]:
    """Refuse every socket but unix ones, and every look-up of a host name.

    The test fails even if the code under test swallowed the refusal. Sockets opened by
    compiled code and by other processes are out of reach.
    """
    attempts: list[str] = []
    open_socket = socket.socket.__init__

    def refuse(what: str) -> PermissionError:
        attempts.append(what)
        return PermissionError(f"{what} refused: this test has no network")

    def only_unix(
        self: socket.socket,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        if fileno is None and family != getattr(socket, "AF_UNIX", None):
            raise refuse(f"socket of family {family}")
        open_socket(self, family, type, proto, fileno)

    def no_names(host: object, *args: object, **options: object) -> object:
        raise refuse(f"look-up of {host!r}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "__init__", only_unix)
        patch.setattr(socket, "getaddrinfo", no_names)
        patch.setattr(socket, "gethostbyname", no_names)
        yield
    if attempts:
        pytest.fail(f"the network was asked for: {', '.join(attempts)}")
