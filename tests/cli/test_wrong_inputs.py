"""Wrong inputs of every kind: each gives one clear sentence, exit code 1 or 2, no traceback and no partial output."""

from __future__ import annotations

import gzip
import io
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

FAILED, USAGE = 1, 2
Files = dict[str, bytes | None]
"""Name → contents; None for an empty folder."""


def _parquet(columns: dict[str, Sequence[object]], schema: dict[str, type[pl.DataType]] | None = None) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns, schema_overrides=schema).write_parquet(buffer)
    return buffer.getvalue()


def _lines(*rows: dict[str, object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


PAIRS = _parquet({"anchor": ["a?", "b?", "c?"], "positive": ["a.", "b.", "c."]})
NLI = _lines(*({"premise": "p", "hypothesis": f"h{label}", "label": label} for label in (0, 1, 2)))
CLASSES = _parquet({"text": ["a", "b"], "label": ["x", "y"]})
TEXTS = _lines({"text": "one"})
TWO_TEXTS = _lines({"text": "one cat"}, {"text": "two dogs"})
SCORED = _parquet({"sentence1": ["a", "b", "c"], "sentence2": ["d", "e", "f"], "score": [0.1, 0.5, 0.9]})

WRITER = "--generator openai:small --base-url http://127.0.0.1:9/v1"
LISTS = _parquet({"query": ["a"], "documents": [["b", "c"]]})


@dataclass(frozen=True)
class Wrong:
    """One wrong input.

    Args:
        name: What is wrong.
        command: The words after `pairforge`.
        words: What the sentence must say: the place and the mend.
        files: What lies in the folder.
        code: The exit code wanted.
    """

    name: str
    command: str
    words: tuple[str, ...]
    files: Files = field(default_factory=dict)
    code: int = FAILED


RECIPE = b'[stages.a]\nstep = "convert-nli"\nnli = "nli.jsonl"\n'


TABLE = [
    Wrong("missing file", "mine-negatives pears.parquet", ("pears.parquet", "no such file", "pairs.parquet"),
          {"pairs.parquet": PAIRS}),
    Wrong("empty name", "mine-negatives ''", ("name of a corpus is empty",)),
    Wrong("empty output", "mine-negatives pairs.parquet -o ''", ("--output is empty",),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("missing folder", "mine-negatives no/pairs.parquet", ("no/pairs.parquet", "folder no does not exist")),
    Wrong("empty file", "convert-nli nli.jsonl", ("nli.jsonl", "empty"), {"nli.jsonl": b""}),
    Wrong("header without rows", "convert-nli nli.csv", ("nli.csv", "no rows"),
          {"nli.csv": b"premise,hypothesis,label\n"}),
    Wrong("parquet without rows", "mine-negatives pairs.parquet", ("pairs.parquet", "no rows"),
          {"pairs.parquet": _parquet({"anchor": [], "positive": []})}),
    Wrong("truncated parquet", "mine-negatives pairs.parquet", ("pairs.parquet", "truncated", "make it anew"),
          {"pairs.parquet": PAIRS[: len(PAIRS) // 2]}),
    Wrong("truncated gz", "convert-nli nli.jsonl.gz", ("nli.jsonl.gz", "truncated"),
          {"nli.jsonl.gz": gzip.compress(NLI * 50)[:60]}),
    Wrong("missing column", "mine-negatives pairs.parquet", ("pairs.parquet", "'positive'", "--positive-column"),
          {"pairs.parquet": _parquet({"anchor": ["a"], "reply to it": ["b"]})}),
    Wrong("named column absent", "mine-negatives pairs.parquet --positive-column reply",
          ("pairs.parquet", "'reply'", "found: anchor, positive"), {"pairs.parquet": PAIRS}),
    Wrong("wrong type", "mine-negatives pairs.parquet", ("pairs.parquet", "'positive'", "text", "Int64"),
          {"pairs.parquet": _parquet({"anchor": ["a"], "positive": [1]})}),
    Wrong("all-null column", "mine-negatives pairs.parquet", ("pairs.parquet", "'positive'", "nothing but nulls"),
          {"pairs.parquet": _parquet({"anchor": ["a"], "positive": [None]}, {"positive": pl.String})}),
    Wrong("some nulls", "mine-negatives pairs.parquet", ("'positive'", "null in 1 of 2 rows", "row 2"),
          {"pairs.parquet": _parquet({"anchor": ["a", "b"], "positive": ["c", None]})}),
    Wrong("duplicate column names", "convert-nli nli.csv", ("nli.csv", "'premise'", "twice", "Rename"),
          {"nli.csv": b"premise,premise,hypothesis,label\np,p,h,0\n"}),
    Wrong("mistyped option", "mine-negatives pairs.parquet --num-negative 3", ("--num-negative", "--num-negatives"),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("mistyped option value", "convert-nli nli.jsonl --to triplets", ("--to", "triplet", "'triplets'"),
          {"nli.jsonl": NLI}, USAGE),
    Wrong("value that is no number", "mine-negatives pairs.parquet --num-negatives many",
          ("--num-negatives", "whole number", "'many'"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("value out of bounds", "mine-negatives pairs.parquet --num-negatives 0",
          ("--num-negatives", "at least 1", "'0'"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("option without its value", "mine-negatives pairs.parquet --num-negatives",
          ("--num-negatives", "argument"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("no input named", "convert-nli --to pair", ("convert-nli", "NLI"), code=USAGE),
    Wrong("two inputs for one", "mine-negatives pairs.parquet more.parquet", ("mine-negatives", "more.parquet"),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("unknown command", "mine pairs.parquet", ("'mine'", "mine-negatives"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("unknown cache section", "cache clear vector --yes", ("'vector'", "vectors"), code=USAGE),
    Wrong("unknown loss", "train pairs.parquet --loss mnrl", ("--loss", "mnr", "'mnrl'"),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("options at odds", "train pairs.parquet --loss mnr --margin 1", ("margin", "multiple-negatives-ranking"),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("loss that does not fit", "train pairs.parquet --loss cosent",
          ("anchor, positive", "cosent", "multiple-negatives-ranking"), {"pairs.parquet": PAIRS}),
    Wrong("loss of the other kind", "train sts.parquet --kind cross-encoder --loss cosent",
          ("cosent", "cross-encoder", "binary-cross-entropy"), {"sts.parquet": SCORED}, USAGE),
    Wrong("texts with classes for a cross-encoder", "train classes.parquet --kind cross-encoder",
          ("classes.parquet", "cross-encoder", "--kind encoder"),
          {"classes.parquet": _parquet({"text": ["a", "b"], "label": ["x", "y"]})}),
    Wrong("classes of one text each", "train classes.parquet", ("2 classes", "two texts", "two such classes"),
          {"classes.parquet": _parquet({"text": ["a", "b"], "label": ["x", "y"]})}),
    Wrong("distillation without a teacher", "train pairs.parquet --loss embed-distill",
          ("embed-distill", "--teacher"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("more dimensions than there are", "train pairs.parquet --batch-size 3 --matryoshka 512,64",
          ("512", "384", "--matryoshka"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("pairs for a classifier", "train pairs.parquet --kind classifier", ("pairs.parquet", "text", "label"),
          {"pairs.parquet": PAIRS}),
    Wrong("one class", "train texts.parquet --kind classifier", ("label is 'x' in every row", "two classes"),
          {"texts.parquet": _parquet({"text": ["a", "b"], "label": ["x", "x"]})}),
    Wrong("a base without images", "train images.parquet --kind image-text", ("all-MiniLM-L6-v2", "sees no images"),
          {"images.parquet": _parquet({"image": ["a.png"], "caption": ["a cat"]})}),
    Wrong("pooling for what pools nothing", "train pairs.parquet --kind late-interaction --pooling cls",
          ("pooling", "late-interaction", "encoder and classifier"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("a model for documents, but one side", "train pairs.parquet --document-model all-MiniLM-L6-v2",
          ("--sides two",), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("a base that pools otherwise", "train texts.jsonl --loss tsdae",
          ("all-MiniLM-L6-v2", "pooled by mean", "tsdae", "--loss mlm"), {"texts.jsonl": TWO_TEXTS}),
    Wrong("pairs for plain texts", "train pairs.parquet --loss mlm",
          ("pairs.parquet", "masked-language-modelling", "text: text"), {"pairs.parquet": PAIRS}),
    Wrong("too few texts for a batch", "train texts.jsonl", ("texts.jsonl", "simcse", "--batch-size 2"),
          {"texts.jsonl": TWO_TEXTS}),
    Wrong("one text alone", "train texts.jsonl --loss ct", ("texts.jsonl", "give more texts"), {"texts.jsonl": TEXTS}),
    Wrong("a decoder that nobody asks", "train texts.jsonl --loss mlm --decoder all-MiniLM-L6-v2",
          ("decoder", "masked-language-modelling", "omit it"), {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("a share of masks beyond all", "train texts.jsonl --loss mlm --mask-ratio 1", ("--mask-ratio", "below 1"),
          {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("restarts without dev rows", "train sts.parquet --restarts 2", ("restarts", "--dev"),
          {"sts.parquet": SCORED}, USAGE),
    Wrong("dev rows all alike", "train sts.parquet --kind cross-encoder --dev dev.parquet",
          ("dev.parquet", "label is 1 in every row"),
          {"sts.parquet": SCORED,
           "dev.parquet": _parquet({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [1, 1]})}),
    Wrong("a folder for a file", "convert-nli nli", ("nli", "folder"), {"nli": None}),
    Wrong("a folder for an output file", "convert-nli nli.jsonl -o out.parquet", ("out.parquet", "folder", "-o"),
          {"nli.jsonl": NLI, "out.parquet": None}),
    Wrong("a file for an output folder", "init-model static -o static.model", ("static.model", "file", "-o"),
          {"static.model": b"x"}),
    Wrong("output folder closed", "convert-nli nli.jsonl -o /proc/nowhere/pairs.parquet", ("/proc",),
          {"nli.jsonl": NLI}),
    Wrong("output of no known format", "convert-nli nli.jsonl -o pairs.xlsx", ("pairs.xlsx", ".parquet"),
          {"nli.jsonl": NLI}),
    Wrong("csv of another encoding", "convert-nli nli.csv", ("nli.csv", "line 2", "UTF-8"),
          {"nli.csv": "premise,hypothesis,label\ncafé,bar,0\n".encode("latin-1")}),
    Wrong("ragged csv", "convert-nli nli.csv", ("nli.csv", "line 3", "4 fields"),
          {"nli.csv": b"premise,hypothesis,label\na,b,0\na,b,0,extra\n"}),
    Wrong("malformed json line", "convert-nli nli.jsonl", ("nli.jsonl", "line 2", "JSON"),
          {"nli.jsonl": NLI.splitlines(keepends=True)[0] + b'{"premise": "x"\n'}),
    Wrong("unknown suffix", "convert-nli nli.docx", ("nli.docx", ".jsonl"), {"nli.docx": b"PK"}),
    Wrong("unknown model, offline", "mine-negatives pairs.parquet --model no-such/model", ("no-such/model",),
          {"pairs.parquet": PAIRS}),
    Wrong("model folder that is no model", "evaluate empty --task sts:sts.parquet", ("empty",),
          {"sts.parquet": SCORED, "empty": None}),
    Wrong("corpus smaller than N", "mine-negatives pairs.parquet --corpus corpus.jsonl --num-negatives 5",
          ("corpus", "2 distinct texts", "--num-negatives"),
          {"pairs.parquet": PAIRS, "corpus.jsonl": _lines({"text": "one"}, {"text": "two"})}),
    Wrong("group column of pairs alone", "mine-negatives pairs.parquet --corpus corpus.jsonl --group-column kind",
          ("corpus.jsonl", "'kind'", "--group-column", "found: text"),
          {"pairs.parquet": _parquet({"anchor": ["a?", "b?"], "positive": ["a.", "b."], "kind": ["x", "y"]}),
           "corpus.jsonl": _lines(*({"text": f"text {row}"} for row in range(9)))}),
    Wrong("no band", "mine-negatives pairs.parquet --band 0.7:0.4", ("--band", "'0.7:0.4'", "0.4:0.7"),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("bands to be padded", "mine-negatives pairs.parquet --band 0.4:0.7 --too-few pad",
          ("--too-few pad", "drop"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("cross-encoder without a bound", "mine-negatives pairs.parquet --scorer teacher",
          ("--scorer", "--max-score", "--score-margin"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("bound without a cross-encoder", "mine-negatives pairs.parquet --max-score 0.5", ("--scorer",),
          {"pairs.parquet": PAIRS}),
    Wrong("value that mining refuses", "sweep-negatives pairs.parquet --relative-margin 3",
          ("--relative-margin", "less than or equal to 2", "3"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("label column absent", "sweep-negatives pairs.parquet --label-column intent",
          ("pairs.parquet", "'intent'", "found: anchor, positive"),
          {"pairs.parquet": _parquet({"anchor": list("abcde"), "positive": list("vwxyz")})}),
    Wrong("nothing labelled", "convert-nli nli.jsonl", ("unlabelled",),
          {"nli.jsonl": _lines({"premise": "p", "hypothesis": "h", "label": -1})}),
    Wrong("corpus that hangs together", "split-corpus pairs.parquet", ("pairs.parquet", "dev would get none", "--dev"),
          {"pairs.parquet": _parquet({"anchor": ["a", "a"], "positive": ["b", "c"]})}),
    Wrong("shares that leave nothing", "split-corpus pairs.parquet --dev 0.5 --test 0.5",
          ("--dev 0.5 and --test 0.5", "train"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("one sentence to pair", "propose-pairs gold.parquet --by bm25", ("gold.parquet", "1 sentence", "--texts"),
          {"gold.parquet": _parquet({"sentence1": ["a"], "sentence2": ["A."], "score": [0.5]})}),
    Wrong("nothing new to propose", "propose-pairs gold.parquet --by bm25", ("kept none of 1 row",),
          {"gold.parquet": _parquet({"sentence1": ["cat"], "sentence2": ["dog"], "score": [0.5]})}),
    Wrong("candidates not named", "propose-pairs gold.parquet --by given", ("candidates", "--given"),
          {"gold.parquet": SCORED}, USAGE),
    Wrong("neighbours of given candidates", "propose-pairs gold.parquet --by given --given c.parquet --top-k 2",
          ("--top-k", "--by given", "Leave it out"), {"gold.parquet": SCORED, "c.parquet": SCORED}, USAGE),
    Wrong("gold of one score", "sample-silver silver.parquet --gold gold.parquet",
          ("gold.parquet", "all scores are 0.5", "all"),
          {"silver.parquet": SCORED,
           "gold.parquet": _parquet({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [0.5, 0.5]})}),
    Wrong("gold score NaN", "merge-silver gold.parquet silver.parquet", ("gold.parquet", "'score'", "NaN"),
          {"silver.parquet": SCORED,
           "gold.parquet": _parquet({"sentence1": ["a"], "sentence2": ["c"], "score": [float("nan")]})}),
    Wrong("spread without gold", "sample-silver silver.parquet", ("kde", "--gold"), {"silver.parquet": SCORED}, USAGE),
    Wrong("unknown label word", "convert-nli nli.jsonl", ("nli", "'agreement'", "entailment"),
          {"nli.jsonl": _lines({"premise": "p", "hypothesis": "h", "label": "agreement"})}),
    Wrong("scores out of range", "train sts.parquet", ("sts.parquet", "'score'", "--score-scale"),
          {"sts.parquet": _parquet({"sentence1": ["a"], "sentence2": ["b"], "score": [80.0]})}),
    Wrong("score scale of nothing", "train sts.parquet --score-scale 0", ("--score-scale", "above 0"),
          {"sts.parquet": SCORED}, USAGE),
    Wrong("ratio out of bounds", "add-noise texts.jsonl --deletion-ratio 1.5",
          ("--deletion-ratio", "at most 1", "'1.5'"), {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("unknown noise", "add-noise texts.jsonl --noise insert", ("--noise", "'insert'", "shuffle"),
          {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("ratio of a noise that is not asked for", "add-noise texts.jsonl --noise swap --deletion-ratio 0.2",
          ("--deletion-ratio needs --noise delete", "only --noise swap", "Change one of them"),
          {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("mask token with a blank", "add-noise texts.jsonl --noise mask --mask-token '[ ]'",
          ("--mask-token", "'[ ]'"), {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("no copies", "add-noise texts.jsonl --copies 0", ("--copies", "at least 1"),
          {"texts.jsonl": TWO_TEXTS}, USAGE),
    Wrong("texts that are numbers", "add-noise texts.parquet", ("texts.parquet", "'text'", "text", "Int64"),
          {"texts.parquet": _parquet({"text": [1, 2]})}),
    Wrong("null text", "add-noise texts.jsonl", ("texts.jsonl", "'text'", "null in 1 of 3 rows", "row 2"),
          {"texts.jsonl": _lines({"text": "a"}, {"text": None}, {"text": "b"})}),
    Wrong("column that is to be written", "add-noise texts.jsonl", ("texts.jsonl", "'damaged'", "rename or remove"),
          {"texts.jsonl": _lines({"text": "a", "damaged": "b"})}),
    Wrong("column in the way of a streamed step", "decontaminate pairs.parquet against.parquet",
          ("pairs.parquet", "'drop_reason'", "rename or remove"),
          {"pairs.parquet": _parquet({"anchor": ["a"], "positive": ["b"], "drop_reason": ["c"]}),
           "against.parquet": PAIRS}),
    Wrong("null in the last row of a streamed step", "decontaminate pairs.parquet against.parquet",
          ("pairs.parquet", "'positive'", "null in 1 of 3 rows", "row 3"),
          {"pairs.parquet": _parquet({"anchor": ["a", "b", "c"], "positive": ["x", "y", None]}),
           "against.parquet": PAIRS}),
    Wrong("no cross-encoder named", "score-pairs sts.parquet", ("--model",), {"sts.parquet": SCORED}, USAGE),
    Wrong("an encoder for a cross-encoder", "score-pairs sts.parquet --model all-MiniLM-L6-v2",
          ("all-MiniLM-L6-v2", "cross-encoder is wanted", "train --kind cross-encoder"), {"sts.parquet": SCORED}),
    Wrong("pairs for triplets", "label-margins pairs.parquet --model all-MiniLM-L6-v2",
          ("pairs.parquet", "negative_1", "triplet"), {"pairs.parquet": PAIRS}),
    Wrong("a teacher that is not named", "distil-scores lists.parquet --to list --teacher cross-encoder",
          ("distil-scores", "--cross-encoder"), {"lists.parquet": LISTS}),
    Wrong("a teacher that is not asked for", "distil-scores lists.parquet --to list --cross-encoder x",
          ("--cross-encoder", "Leave it out"), {"lists.parquet": LISTS}, USAGE),
    Wrong("a cross-encoder for pairs", "distil-scores pairs.parquet --teacher cross-encoder",
          ("--teacher cross-encoder", "score-pairs"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("an empty list", "distil-scores lists.parquet --to list", ("lists.parquet", "row 2", "empty"),
          {"lists.parquet": _parquet({"query": ["a", "b"], "documents": [["c"], []]})}),
    Wrong("gold out of range", "score-pairs sts.parquet --model all-MiniLM-L6-v2",
          ("sts.parquet", "'score'", "-3", "Shift and scale"),
          {"sts.parquet": _parquet({"sentence1": ["a"], "sentence2": ["b"], "score": [-3.0]})}),
    Wrong("no language model named", "generate-negatives pairs.parquet", ("--generator",),
          {"pairs.parquet": PAIRS}, USAGE),
    Wrong("a language model of no engine", "generate-negatives pairs.parquet --generator gpt",
          ("'gpt'", "vllm:MODEL, openai:MODEL or seq2seq:MODEL"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("an encoder for a seq2seq model",
          "generate-queries texts.jsonl --round-trip bm25 --generator seq2seq:all-MiniLM-L6-v2",
          ("seq2seq:all-MiniLM-L6-v2", "no seq2seq model", "bert", "Name a T5"), {"texts.jsonl": TWO_TEXTS}),
    Wrong("a prompt with an unknown field", f"generate-negatives pairs.parquet {WRITER} --prompt mine.md",
          ("mine.md", "{{ passage }}", "positive", "Use these alone"),
          {"pairs.parquet": PAIRS, "mine.md": b"# User\n{{ passage }}\n"}, USAGE),
    Wrong("a prompt that is no template", f"judge pairs.parquet {WRITER} --prompt mine.md",
          ("mine.md", "line 2", "Jinja"), {"pairs.parquet": PAIRS, "mine.md": b"# User\n{{ first }\n"}, USAGE),
    Wrong("a prompt that is not there", f"generate-sts texts.jsonl {WRITER} --prompt no.md", ("no.md", "no such file"),
          {"texts.jsonl": TWO_TEXTS}),
    Wrong("examples of another shape", f"generate-queries texts.jsonl {WRITER} --round-trip bm25 --examples e.jsonl",
          ("e.jsonl", "'anchor'"), {"texts.jsonl": TWO_TEXTS, "e.jsonl": TEXTS}),
    Wrong("fewer negatives in a tuple", f"generate-negatives pairs.parquet {WRITER} --too-few keep",
          ("--too-few keep", "--output-format triplet"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("a bound without its cross-encoder", f"generate-negatives pairs.parquet {WRITER} --score-margin 0.1",
          ("generate-negatives", "--scorer"), {"pairs.parquet": PAIRS}),
    Wrong("an unknown kind", f"generate-negatives pairs.parquet {WRITER} --kind opposite",
          ("--kind", "contradiction", "'opposite'"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("a judge without negatives to mask", f"judge pairs.parquet {WRITER} --policy mask",
          ("pairs.parquet", "no negatives", "Choose keep or drop"), {"pairs.parquet": PAIRS}),
    Wrong("a grade beyond the scale", f"judge pairs.parquet {WRITER} --scale yes-no --threshold 2",
          ("--threshold 2", "--scale yes-no", "lower"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("null texts for a writer", f"generate-nli texts.jsonl {WRITER}",
          ("texts.jsonl", "'text'", "null in 1 of 2 rows"),
          {"texts.jsonl": _lines({"text": "one cat"}, {"text": None})}),
    Wrong("no task", "evaluate all-MiniLM-L6-v2", ("--task",), code=USAGE),
    Wrong("unknown task", "evaluate all-MiniLM-L6-v2 --task stsbench", ("--task", "'stsbench'", "did you mean stsb"),
          code=USAGE),
    Wrong("mistyped kind of task", "evaluate all-MiniLM-L6-v2 --task clasification:d",
          ("--task", "'clasification:d'", "did you mean classification:DIR"), code=USAGE),
    Wrong("named task out of reach", "evaluate all-MiniLM-L6-v2 --task STS12",
          ("hub:mteb/sts12-sts:test", "cannot be reached", "datasets/mteb/sts12-sts", "--task-data sts12=FILE")),
    Wrong("data of a task not asked for", "evaluate all-MiniLM-L6-v2 --task stsb --task-data sts12=a.csv",
          ("--task-data", "'sts12'", "did you mean stsb"), code=USAGE),
    Wrong("data without a task's name", "evaluate all-MiniLM-L6-v2 --task stsb --task-data a.csv",
          ("--task-data", "NAME=PATH", "'a.csv'"), code=USAGE),
    Wrong("missing data of a task", "evaluate all-MiniLM-L6-v2 --task stsb --task-data stsb=no.csv",
          ("no.csv", "no such file")),
    Wrong("one row to judge by", "evaluate all-MiniLM-L6-v2 --task sts:one.parquet",
          ("one.parquet", "two rows or more"),
          {"one.parquet": _parquet({"sentence1": ["a"], "sentence2": ["b"], "score": [0.5]})}),
    Wrong("scores all alike", "evaluate all-MiniLM-L6-v2 --task sts:flat.parquet",
          ("flat.parquet", "all 2 scores are equal"),
          {"flat.parquet": _parquet({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [0.5, 0.5]})}),
    Wrong("one triplet", "evaluate all-MiniLM-L6-v2 --task triplets:one.jsonl", ("one.jsonl", "two rows or more"),
          {"one.jsonl": _lines({"anchor": "a", "positive": "b", "negative": "c"})}),
    Wrong("triplets without negatives", "evaluate all-MiniLM-L6-v2 --task triplets:pairs.parquet",
          ("pairs.parquet", "triplet: anchor, positive, negative"), {"pairs.parquet": PAIRS}),
    Wrong("probes without files", "evaluate all-MiniLM-L6-v2 --task classification:d",
          ("d: classification takes", "train and test cannot be told", "found: nothing"), {"d": None}),
    Wrong("probes of one class", "evaluate all-MiniLM-L6-v2 --task classification:.",
          ("train.parquet", "all 2 labels are equal ('x')"),
          {"train.parquet": _parquet({"text": ["a", "b"], "label": ["x", "x"]}), "test.parquet": CLASSES}),
    Wrong("a class that training texts lack", "evaluate all-MiniLM-L6-v2 --task classification:.",
          ("test.parquet", "no row of", "train.parquet", "'w'", "add training texts"),
          {"train.parquet": CLASSES, "test.parquet": _parquet({"text": ["a", "b"], "label": ["w", "x"]})}),
    Wrong("probes from a file", "evaluate all-MiniLM-L6-v2 --task classification:train.parquet",
          ("train.parquet", "takes a folder"), {"train.parquet": CLASSES}),
    Wrong("a missing folder of probes", "evaluate all-MiniLM-L6-v2 --task classification:no", ("no", "no such file")),
    Wrong("clusters of one label", "evaluate all-MiniLM-L6-v2 --task clustering:texts.parquet",
          ("texts.parquet", "all 2 labels are equal"),
          {"texts.parquet": _parquet({"text": ["a", "b"], "label": ["x", "x"]})}),
    Wrong("clusters of one text each", "evaluate all-MiniLM-L6-v2 --task clustering:texts.parquet",
          ("texts.parquet", "2 labels for 2 texts", "--label-column"), {"texts.parquet": CLASSES}),
    Wrong("missing task file", "evaluate all-MiniLM-L6-v2 --task sts:no.parquet", ("no.parquet", "no such file")),
    Wrong("labels all alike", "evaluate all-MiniLM-L6-v2 --task pairs:labels.parquet",
          ("labels.parquet", "all 2 labels are equal"),
          {"labels.parquet": _parquet({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 0]})}),
    Wrong("labels of three classes", "evaluate all-MiniLM-L6-v2 --task pairs:labels.parquet",
          ("labels.parquet", "'label'", "0 to 1", "0 to 2"),
          {"labels.parquet": _parquet({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 2]})}),
    Wrong("a retrieval task that is no folder", "evaluate all-MiniLM-L6-v2 --task retrieval:nowhere",
          ("nowhere", "no such file")),
    Wrong("a retrieval task without judgements", "evaluate all-MiniLM-L6-v2 --task retrieval:task",
          ("task", "qrels is missing", "found: corpus.jsonl, queries.jsonl", "qrels also as a folder"),
          {"task": None, "task/corpus.jsonl": _lines({"_id": "1", "text": "one"}),
           "task/queries.jsonl": _lines({"_id": "1", "text": "two"})}),
    Wrong("a cutoff of none", "evaluate all-MiniLM-L6-v2 --task retrieval:task --cutoff 0", ("--cutoff", "'0'"),
          {"task": None}, USAGE),
    Wrong("positional choice unknown", "init-model dynamic", ("KIND", "static", "transformer", "'dynamic'"),
          code=USAGE),
    Wrong("output from other inputs", "convert-nli nli.jsonl -o pairs.parquet", ("pairs.parquet", "--overwrite"),
          {"nli.jsonl": NLI, "pairs.parquet": PAIRS}),
    Wrong("input is output", "convert-nli nli.jsonl -o nli.jsonl --overwrite", ("nli.jsonl", "-o"), {"nli.jsonl": NLI}),
    Wrong("column flag of an input not given", "mine-negatives pairs.parquet --doc-id-column id",
          ("--doc-id-column", "--corpus"), {"pairs.parquet": PAIRS}, USAGE),
    Wrong("texts without a way to pair them", "pair-texts texts.jsonl", ("missing --by", "crops"),
          {"texts.jsonl": TEXTS}, USAGE),
    Wrong("option of another way", "pair-texts texts.jsonl --by twins --top-k 3",
          ("--top-k", "--by nearest", "--by twins", "Leave it out"), {"texts.jsonl": TEXTS}, USAGE),
    Wrong("column flag of another way", "pair-texts texts.jsonl --by twins --anchor-column text",
          ("--anchor-column", "Leave it out"), {"texts.jsonl": TEXTS}, USAGE),
    Wrong("model of another way", "pair-texts texts.jsonl --by crops --model m", ("--model", "Leave it out"),
          {"texts.jsonl": TEXTS}, USAGE),
    Wrong("similarities upside down", "pair-texts texts.jsonl --by nearest --max-similarity 0.5",
          ("--min-similarity", "--max-similarity", "Exchange"), {"texts.jsonl": TEXTS}, USAGE),
    Wrong("a share that is no number", "pair-texts texts.jsonl --by crops --min-crop-share nan",
          ("--min-crop-share", "above 0", "'nan'"), {"texts.jsonl": TEXTS}, USAGE),
    Wrong("one text for nearest", "pair-texts texts.jsonl --by nearest",
          ("texts.jsonl", "at least 2 distinct texts", "found: 1", "more texts"), {"texts.jsonl": TEXTS}),
    Wrong("fewer texts than random pairs", "pair-texts texts.jsonl --by tension",
          ("texts.jsonl", "at least 8 distinct texts", "--random-pairs"), {"texts.jsonl": TEXTS}),
    Wrong("no two columns", "pair-texts texts.jsonl --by fields", ("texts.jsonl", "'anchor'", "--anchor-column"),
          {"texts.jsonl": TEXTS}),
    Wrong("texts too short to pair", "pair-texts texts.jsonl --by cloze", ("1 row", "one sentence: 1"),
          {"texts.jsonl": TEXTS}),
    Wrong("nothing but empty texts", "pair-texts texts.jsonl --by twins", ("2 rows", "empty text: 2"),
          {"texts.jsonl": _lines({"text": ""}, {"text": " "})}),
    Wrong("a null text", "pair-texts texts.jsonl --by crops", ("texts.jsonl", "'text'", "null in 1 of 2 rows"),
          {"texts.jsonl": _lines({"text": "a"}, {"text": None})}),
    Wrong("a column in the way", "pair-texts texts.jsonl --by twins", ("texts.jsonl", "'anchor'", "rename"),
          {"texts.jsonl": _lines({"text": "a", "anchor": "b"})}),
    Wrong("recipe missing", "run no.toml", ("no.toml",)),
    Wrong("recipe syntax", "run r.toml", ("r.toml", "line 2"), {"r.toml": b"[stages.a]\nstep = convert-nli\n"}),
    Wrong("recipe with several faults", "run r.toml",
          ("r.toml", "convert-nlli", "bidirectonal", "no.jsonl"),
          {"r.toml": b'[stages.a]\nstep = "convert-nlli"\n[stages.b]\nstep = "convert-nli"\n'
                     b'nli = "no.jsonl"\nbidirectonal = true\n'}),
    Wrong("recipe with a cycle", "run r.toml", ("r.toml", "a", "b"),
          {"r.toml": b'[stages.a]\nstep = "mine-negatives"\npairs = "stage:b"\n'
                     b'[stages.b]\nstep = "mine-negatives"\npairs = "stage:a"\n'}),
    Wrong("unknown setting", "run r.toml --set pears=x", ("pears",),
          {"nli.jsonl": NLI, "r.toml": RECIPE}),
    Wrong("setting without a value", "run r.toml --set nli", ("--set", "nli"),
          {"nli.jsonl": NLI, "r.toml": RECIPE}, USAGE),
    Wrong("unknown stage", "run r.toml --only b", ("'b'", "a"),
          {"nli.jsonl": NLI, "r.toml": RECIPE}, USAGE),
]  # fmt: skip


@pytest.mark.parametrize("wrong", TABLE, ids=lambda wrong: wrong.name)
def test_a_wrong_input_gets_one_clear_sentence(wrong: Wrong, run: Callable, tmp_path: Path) -> None:
    for name, contents in wrong.files.items():
        if contents is None:
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_bytes(contents)
    ran = run(*shlex.split(wrong.command))
    assert ran.code in (FAILED, USAGE), ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert "unexpected error" not in ran.err
    assert ran.err.startswith("error: ")
    assert [word for word in wrong.words if word not in ran.err] == [], ran.err
    assert ran.code == wrong.code, ran.err
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        name: contents for name, contents in wrong.files.items() if contents is not None
    }
    assert {path.name for path in tmp_path.rglob("*") if path.is_dir()} == {
        name for name, contents in wrong.files.items() if contents is None
    }
