"""What the measurement of a second opinion rests on; the model itself needs scikit-learn and is no part of the tests."""

from services.evaluate.cases import reported
from services.intake.domain.triage.model import Statement
from tests.bench.second_opinion import Call, folds_of


def test_texts_alike_are_never_learned_from_and_asked_about_at_once() -> None:
    quarrels = [f"neighbors argue over the {thing} in the shared driveway again" for thing in ("car", "van", "bins")]
    others = [
        "a dog barks all night long",
        "party music past ten",
        "roommates split a bill",
        "two vendors want one corner",
    ]
    folds = folds_of([quarrels[0], *others, *quarrels[1:]])
    assert folds[0] == folds[-2] == folds[-1]
    assert len(set(folds)) == 5


def test_the_model_reads_what_triage_reads() -> None:
    said = Statement("report", "He has a kn\u200bife, apt 12.", "415N", "Neighbor DISPUTE")
    call = Call("1", reported(said), is_fit=False)
    assert call.text() == "neighbor dispute . he has a knife apt 0"
    assert call.text("No weapons.").endswith("apt 0 no weapons")
