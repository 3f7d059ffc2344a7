"""Train a small static encoder from nothing on triplets made of nli.jsonl, and score it beside its untrained start.

Run it from anywhere: python examples/train_and_evaluate.py
"""

from pathlib import Path

import pairforge

HERE = Path(__file__).parent
STS = f"sts:{HERE / 'sts.jsonl'}"


def main() -> None:
    nli = pairforge.read_frame(HERE / "nli.jsonl")
    triplets = pairforge.convert_nli(nli, options=pairforge.ConvertNliOptions(to="triplet"))
    print(f"{nli.height} labelled sentences → {triplets.height} triplets")

    start = pairforge.init_model(
        tokenizer=pairforge.find_model("all-MiniLM-L6-v2"),
        options=pairforge.InitModelOptions(kind="static", dimension=256),
    )
    trained = pairforge.train(
        triplets,
        base=pairforge.find_model(str(start)),
        options=pairforge.TrainOptions(loss="mnr", epochs=10, learning_rate=0.1, scale=10),
    )

    encoders = [pairforge.load_encoder(str(folder)) for folder in (start, trained)]
    results = pairforge.evaluate(encoders, options=pairforge.EvaluateOptions(task=(STS,)))
    for name, scores in zip(("untrained", "trained"), results.tasks[0].models, strict=True):
        spearman = scores.metrics["spearman_cosine"]
        print(f"{name:>9}: Spearman {spearman.value:.3f} ({spearman.low:.3f} to {spearman.high:.3f})")
    print(f"The trained model lies in {trained}")


if __name__ == "__main__":
    main()
