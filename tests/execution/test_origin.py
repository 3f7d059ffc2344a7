from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pairforge.execution.origin import InputRecord, ModelRecord, Origin

words = st.sampled_from(["a", "b", ""])
few = {"max_size": 2}
input_records = st.builds(
    InputRecord,
    sources=st.lists(words, **few).map(tuple),
    digests=st.lists(words, **few).map(tuple),
    columns=st.dictionaries(words, words, **few),
    score_scale=st.sampled_from([None, 1.0, 5.0]),
)
models = st.builds(
    lambda name, digest, dtype: ModelRecord(
        name=name, source="folder", digest=digest, identity=f"{digest} {dtype}", settings={"dtype": dtype}
    ),
    words, words, st.sampled_from(["float32", "bfloat16"]),
)  # fmt: skip
origins = st.builds(
    Origin,
    step=words,
    version=st.integers(1, 2),
    options=st.dictionaries(words, st.sampled_from([1, "1", True, "true", 1.0, None, "none", "", [1, 2]]), **few),
    files_in_options=st.dictionaries(words, words, **few),
    inputs=st.dictionaries(words, input_records, **few),
    models=st.dictionaries(words, st.lists(models, **few).map(tuple), **few),
)


def origin(**changes: object) -> Origin:
    plain: dict[str, object] = {
        "step": "mine", "version": 1, "options": {}, "files_in_options": {}, "inputs": {}, "models": {},
    }  # fmt: skip
    return Origin.model_validate({**plain, **changes})


def model(name: str, digest: str, **settings: object) -> dict[str, object]:
    identity = f"{digest} {settings}"
    return {"name": name, "source": "folder", "digest": digest, "identity": identity, "settings": settings}


@given(origins, origins)
def test_differences_are_told_exactly_when_fingerprints_differ(one: Origin, other: Origin) -> None:
    assert bool(one.differences(other)) == (one.fingerprint != other.fingerprint)


def test_where_an_input_or_a_model_lies_does_not_count() -> None:
    record = {"sources": ["a"], "digests": ["1"], "columns": {}, "score_scale": None}
    one = origin(inputs={"pairs": record}, models={"encoder": [model("a", "1")]})
    other = origin(inputs={"pairs": {**record, "sources": ["b"]}}, models={"encoder": [model("b", "1")]})
    assert one.fingerprint == other.fingerprint


def test_changed_options_are_told_with_both_values() -> None:
    before = origin(options={"num_negatives": 3, "strategy": "easy", "margin": None})
    now = origin(options={"num_negatives": 5, "strategy": "", "margin": 0.5, "depth": [1]})
    assert now.differences(before) == (
        "option num_negatives 3 → 5",
        'option strategy easy → ""',
        "option margin none → 0.5", "option depth none → [1]",
    )  # fmt: skip
    unnamed, named = origin(options={"score_column": None}), origin(options={"score_column": "none"})
    assert named.differences(unnamed) == ('option score_column none → "none"',)


def test_changed_models_are_told_by_name_setting_or_content() -> None:
    before = origin(models={"encoder": [model("mini", "1", dtype="float32")]})
    assert origin(models={"encoder": [model("large", "2")]}).differences(before) == ("model encoder mini → large",)
    assert origin(models={"encoder": [model("mini", "2")]}).differences(before) == ("model encoder changed (mini)",)
    assert origin(models={"encoder": [model("mini", "1", dtype="bfloat16", device="cpu")]}).differences(before) == (
        "model encoder: dtype float32 → bfloat16",
    )
    assert origin(models={"encoder": [model("mini", "1")] * 2}).differences(before) == ("models of encoder: 1 → 2",)
    assert origin().differences(before) == ("model encoder is no longer used",)
    assert before.differences(origin()) == ("model encoder is new",)
