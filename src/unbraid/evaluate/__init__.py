"""Models side by side on songs whose stems are known, through the engine that users run.

tracks = find_tracks(Path("musdb18hq"))
evaluation = evaluate(tracks, [model("compact"), *bounds()], Path("evaluation"), jobs=2)
write_reports(evaluation, "musdb18hq", json=Path("scores.json"), markdown=Path("scores.md"))
"""

from unbraid.evaluate.dataset import find_tracks as find_tracks
from unbraid.evaluate.entrants import Entrant as Entrant
from unbraid.evaluate.entrants import model as model
from unbraid.evaluate.entrants import separator as separator
from unbraid.evaluate.files import write_reports as write_reports
from unbraid.evaluate.oracles import bounds as bounds
from unbraid.evaluate.run import Evaluation as Evaluation
from unbraid.evaluate.run import Step as Step
from unbraid.evaluate.run import evaluate as evaluate
