"""Give each question of questions.jsonl the answers to other questions that are nearest to it.

Run it from anywhere: python examples/mine_negatives.py
"""

from pathlib import Path

import pairforge

HERE = Path(__file__).parent
OUTPUT = Path("runs/questions.negatives.jsonl")


def main() -> None:
    pairs = pairforge.read_frame(HERE / "questions.jsonl").rename({"question": "anchor", "answer": "positive"})
    encoder = pairforge.load_encoder("all-MiniLM-L6-v2")
    options = pairforge.MineNegativesOptions(num_negatives=2, relative_margin=0.05)

    mined = pairforge.mine_negatives(pairs, encoder=encoder, options=options)

    for row in mined.head(3).iter_rows(named=True):
        print("\n".join(f"{column:>11}: {text}" for column, text in row.items()), end="\n\n")
    pairforge.write_frame(mined, OUTPUT)
    print(f"{mined.height} rows in {OUTPUT}")


if __name__ == "__main__":
    main()
