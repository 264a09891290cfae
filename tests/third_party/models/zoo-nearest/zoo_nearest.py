"""The nearest neighbours of a window vote."""

from zoo import Card, Handcrafted, Int, hookimpl

card = Card(
    name="nearest",
    title="Nearest neighbours",
    family="classical",
    frontend=Handcrafted(),
    params={"neighbours": 5},
    space={"neighbours": Int(1, 25, step=2)},
    references=("Cover and Hart 1967, doi:10.1109/TIT.1967.1053964",),
)


@hookimpl
def train(tracks, labels, classes, params):
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = np.concatenate(tracks), np.repeat(labels, [len(track) for track in tracks])
    neighbours = KNeighborsClassifier(min(params["neighbours"], len(X)))
    model = make_pipeline(StandardScaler(), neighbours).fit(X, y)
    model.n_classes_ = len(classes)
    return model


@hookimpl
def predict(model, tracks):
    import numpy as np

    answers = []
    for track in tracks:
        votes = np.zeros((len(track), model.n_classes_))
        votes[:, model.classes_] = model.predict_proba(track)  # some class may have had no track
        answers.append(votes)
    return answers
