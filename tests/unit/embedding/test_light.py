import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest

from ragflow.embedding.light import LightEncoder, can_read
from ragflow.errors import ParameterError

SCRIPT = """
import sys
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder, open_tokenizer
spec = load_spec("all-minilm-l6-v2")
open_tokenizer(spec)
print(open_embedder(spec, light=True).embed(["a query"], kind="query")[0].dimension)
print({"torch", "transformers", "sentence_transformers", "huggingface_hub"} & set(sys.modules))
"""


def test_a_query_is_embedded_without_torch():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["384", "set()"]
    assert done.stderr == ""


def test_a_vector_depends_on_its_text_alone_to_the_bit(light, texts):
    whole = light.embed(texts)
    assert whole == [light.embed([text])[0] for text in texts]
    assert whole[::-1] == light.embed(texts[::-1])
    assert light.embed(texts + texts) == whole + whole
    assert light.embed([]) == []


def test_several_threads_may_embed_at_once(light, texts):
    expected = light.embed(texts)
    with ThreadPoolExecutor(4) as threads:
        for vectors in threads.map(light.embed, [texts] * 4):
            assert vectors == expected


def test_vectors_have_length_one(light, texts):
    for vector in light.embed(texts):
        assert np.linalg.norm(np.frombuffer(vector.half, "<f2").astype(float)) == pytest.approx(
            1, abs=1e-3
        )


def test_a_spec_of_another_dimension_is_refused(spec, folder):
    with pytest.raises(ParameterError, match="dimension 384, its spec says 512"):
        LightEncoder(msgspec.structs.replace(spec, dimension=512), folder)


@pytest.mark.parametrize(
    "change",
    [{"model_type": "roberta"}, {"hidden_act": "relu"}, {"position_embedding_type": "relative"}],
)
def test_another_architecture_is_left_to_torch(folder, copied, change):
    assert can_read(folder)
    assert can_read(copied)
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | change))
    assert not can_read(copied)
    (copied / "config.json").unlink()
    assert not can_read(copied)
