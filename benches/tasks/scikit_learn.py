"""Tuning tasks of scikit-learn's models on the data sets that come with it: `benches/search.py --tasks` adds them to the harness.

Spaces are such as people write: wide, with methods that have params of their own. All but one are deterministic. Those of the group
`kept` are for judging what was made with the others in view.
"""

import math

import numpy as np
from sklearn import datasets

import problems
from problems import C, F, I, add

_LOADED = {}


def split(name, rows, seed):
    """Standardised train and validation rows."""
    key = (name, rows, seed)
    if key not in _LOADED:
        X, y = getattr(datasets, "load_" + name)(return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(X))
        X, y = X[order], y[order]
        X = np.clip((X - X[:rows].mean(0)) / (X[:rows].std(0) + 1e-9), -4, 4)
        _LOADED[key] = X[:rows], y[:rows], X[rows:], y[rows:]
    return _LOADED[key]


def log_loss(model, X, y, Xv, yv):
    p = model.fit(X, y).predict_proba(Xv)
    p = np.clip(p[np.arange(len(yv)), np.searchsorted(model.classes_, yv)], 1e-6, 1)
    return float(-np.log(p).mean())


def error(model, X, y, Xv, yv):
    return float(np.mean(model.fit(X, y).predict(Xv) != yv))


def unexplained(model, X, y, Xv, yv):
    value = float(np.mean((model.fit(X, y).predict(Xv) - yv) ** 2) / np.var(yv))
    return min(value, 5.0) if math.isfinite(value) else None


def task(name, group, space, noise=0.0):
    def wrap(run):
        def safe(p):
            try:
                with np.errstate(all="ignore"):
                    return run(p)
            except (ValueError, np.linalg.LinAlgError, FloatingPointError):
                return None
        add(name, group, space, safe, None, noise=noise, tags=["real"])
        return run
    return wrap


# ------------------------------------------------------------------ in view
@task("svc_digits", "open", {
    "kernel": C("linear", "rbf", "poly", "sigmoid"), "C": F(1e-3, 1e3, True), "gamma": F(1e-5, 1, True, ("kernel", ["rbf", "poly", "sigmoid"])),
    "degree": I(2, 6, False, ("kernel", ["poly"])), "coef0": F(-1, 2, False, ("kernel", ["poly", "sigmoid"])), "shrinking": C(True, False)})
def _(p):
    from sklearn.svm import SVC
    p = {k: v for k, v in p.items() if k != "shrinking"}
    return error(SVC(max_iter=3000, **p), *split("digits", 250, 11))


@task("forest_wine", "open", {
    "n_estimators": I(3, 40, True), "criterion": C("gini", "entropy"), "max_depth": I(1, 12), "min_samples_leaf": I(1, 20, True),
    "max_features": F(0.05, 1), "bootstrap": C(True, False), "max_samples": F(.2, 1, False, ("bootstrap", [True]))})
def _(p):
    from sklearn.ensemble import RandomForestClassifier
    return log_loss(RandomForestClassifier(random_state=0, **p), *split("wine", 90, 12))


@task("mlp_diabetes", "open", {
    "solver": C("sgd", "adam", "lbfgs"), "activation": C("relu", "tanh", "logistic"), "units": I(2, 64, True), "alpha": F(1e-6, 100, True),
    "learning_rate_init": F(1e-4, 1, True, ("solver", ["sgd", "adam"])), "momentum": F(0, .99, False, ("solver", ["sgd"])),
    "beta_1": F(0, .99, False, ("solver", ["adam"])), "batch_size": I(8, 128, True, ("solver", ["sgd", "adam"])), "max_iter": I(3, 30, True)})
def _(p):
    from sklearn.neural_network import MLPRegressor
    p = dict(p)
    X, y, Xv, yv = split("diabetes", 220, 13)
    m = MLPRegressor(hidden_layer_sizes=(p.pop("units"),), random_state=0, tol=0, n_iter_no_change=1000, **p)
    mu, sd = y.mean(), y.std()
    return unexplained(m, X, (y - mu) / sd, Xv, (yv - mu) / sd)


@task("boost_cancer", "open", {
    "n_estimators": I(3, 30, True), "learning_rate": F(1e-3, 2, True), "max_depth": I(1, 6), "subsample": F(.2, 1), "max_features": F(.05, 1),
    "min_samples_leaf": I(1, 50, True), "loss": C("log_loss", "exponential")})
def _(p):
    from sklearn.ensemble import GradientBoostingClassifier
    return log_loss(GradientBoostingClassifier(random_state=0, **p), *split("breast_cancer", 200, 14))


@task("neighbors_digits", "open", {
    "project": C("none", "pca"), "components": I(2, 50, True, ("project", ["pca"])), "whiten": C(True, False, when=("project", ["pca"])),
    "n_neighbors": I(1, 50, True), "weights": C("uniform", "distance"), "metric": C("minkowski", "chebyshev", "cosine"),
    "p": F(1, 5, False, ("metric", ["minkowski"]))})
def _(p):
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier
    X, y, Xv, yv = split("digits", 300, 15)
    Xv, yv = Xv[:400], yv[:400]
    if p["project"] == "pca":
        pca = PCA(p["components"], whiten=p["whiten"], random_state=0).fit(X)
        X, Xv = pca.transform(X), pca.transform(Xv)
    kw = {"p": p["p"]} if "p" in p else {}
    return log_loss(KNeighborsClassifier(p["n_neighbors"], weights=p["weights"], metric=p["metric"], algorithm="brute", **kw), X, y, Xv, yv)


@task("ridge_kernels", "open", {
    "alpha": F(1e-5, 1e3, True), "kernel": C("linear", "rbf", "laplacian", "polynomial"),
    "gamma": F(1e-5, 1, True, ("kernel", ["rbf", "laplacian", "polynomial"])), "degree": I(2, 4, False, ("kernel", ["polynomial"])),
    "coef0": F(0, 3, False, ("kernel", ["polynomial"])), "power": F(.3, 2)})
def _(p):
    from sklearn.kernel_ridge import KernelRidge
    X, y, Xv, yv = split("diabetes", 200, 16)
    power = p["power"]
    mu = y.mean()
    X, Xv = np.sign(X) * np.abs(X) ** power, np.sign(Xv) * np.abs(Xv) ** power
    return unexplained(KernelRidge(**{k: v for k, v in p.items() if k != "power"}), X, y - mu, Xv, yv - mu)


@task("elastic_poly", "open", {
    "alpha": F(1e-4, 10, True), "l1_ratio": F(0, 1), "degree": C(1, 2), "interactions": C(True, False, when=("degree", [2])), "selection": C("cyclic", "random"),
    "max_iter": I(2, 200, True)})
def _(p):
    from sklearn.linear_model import ElasticNet
    from sklearn.preprocessing import PolynomialFeatures
    import warnings
    warnings.simplefilter("ignore")
    X, y, Xv, yv = split("diabetes", 150, 17)
    if p["degree"] == 2:
        f = PolynomialFeatures(2, interaction_only=p["interactions"], include_bias=False).fit(X)
        X, Xv = f.transform(X), f.transform(Xv)
    m = ElasticNet(p["alpha"] * 10, l1_ratio=p["l1_ratio"], selection=p["selection"], max_iter=p["max_iter"], random_state=0)
    return unexplained(m, X, y, Xv, yv)


@task("net_wine", "open", {
    "method": C("sgd", "momentum", "rmsprop", "adam", "adagrad"), "lr": F(1e-4, 30, True), "beta": F(0, .99, False, ("method", ["momentum", "adam"])),
    "one_minus_beta2": F(1e-3, .5, True, ("method", ["rmsprop", "adam"])), "batch": I(4, 64, True), "l2": F(1e-7, 1, True),
    "init": F(.1, 3, True), "smooth": F(0, .3)})
def _(p):
    X, y, Xv, yv = split("wine", 70, 18)
    return problems.train_net(X, y, Xv, yv, 3, p, 12, 60)


# ------------------------------------------------------------------ kept aside
@task("kept_net_cancer", "kept", {
    "method": C("momentum", "nesterov", "rmsprop", "adam"), "lr": F(1e-4, 10, True), "beta": F(0, .99, False, ("method", ["momentum", "nesterov", "adam"])),
    "one_minus_beta2": F(1e-3, .5, True, ("method", ["rmsprop", "adam"])), "batch": I(4, 128, True), "l2": F(1e-7, .3, True),
    "schedule": C("constant", "linear", "cosine"), "init": F(.1, 3, True)})
def _(p):
    X, y, Xv, yv = split("breast_cancer", 150, 21)
    return problems.train_net(X, y, Xv, yv, 2, p, 8, 50)


@task("kept_trees_digits", "kept", {
    "n_estimators": I(3, 30, True), "criterion": C("gini", "entropy", "log_loss"), "max_depth": I(2, 20), "min_samples_leaf": I(1, 20, True),
    "max_features": F(.01, .6, True), "bootstrap": C(True, False)})
def _(p):
    from sklearn.ensemble import ExtraTreesClassifier
    return error(ExtraTreesClassifier(random_state=0, **p), *split("digits", 300, 22))


@task("kept_svr_diabetes", "kept", {
    "kernel": C("linear", "rbf", "poly", "sigmoid"), "C": F(1e-2, 1e3, True), "epsilon": F(1e-3, 2, True), "gamma": F(1e-4, 1, True, ("kernel", ["rbf", "poly", "sigmoid"])),
    "degree": I(2, 4, False, ("kernel", ["poly"])), "coef0": F(-1, 2, False, ("kernel", ["poly", "sigmoid"]))})
def _(p):
    from sklearn.svm import SVR
    X, y, Xv, yv = split("diabetes", 200, 23)
    mu, sd = y.mean(), y.std()
    return unexplained(SVR(max_iter=5000, **p), X, (y - mu) / sd, Xv, (yv - mu) / sd)


@task("kept_logistic_wine", "kept", {
    "penalty": C("l1", "l2", "elasticnet"), "C": F(1e-4, 1e3, True), "l1_ratio": F(0, 1, False, ("penalty", ["elasticnet"])), "max_iter": I(3, 60, True),
    "degree": C(1, 2), "balanced": C(True, False)})
def _(p):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import PolynomialFeatures
    import warnings
    warnings.simplefilter("ignore")
    X, y, Xv, yv = split("wine", 60, 24)
    if p["degree"] == 2:
        f = PolynomialFeatures(2, include_bias=False).fit(X)
        X, Xv = f.transform(X), f.transform(Xv)
    ratio = {"l1": 1.0, "l2": 0.0}.get(p["penalty"], p.get("l1_ratio"))
    m = LogisticRegression(solver="saga", C=p["C"], l1_ratio=ratio, max_iter=p["max_iter"],
                           class_weight="balanced" if p["balanced"] else None, random_state=0)
    return log_loss(m, X, y, Xv, yv)


@task("kept_mlp_digits", "kept", {
    "solver": C("sgd", "adam"), "activation": C("relu", "tanh", "logistic", "identity"), "units": I(4, 64, True), "alpha": F(1e-6, 10, True),
    "learning_rate_init": F(1e-4, 1, True), "momentum": F(0, .99, False, ("solver", ["sgd"])), "nesterovs_momentum": C(True, False, when=("solver", ["sgd"])),
    "beta_1": F(0, .99, False, ("solver", ["adam"])), "batch_size": I(8, 200, True), "max_iter": I(2, 12)})
def _(p):
    from sklearn.neural_network import MLPClassifier
    import warnings
    warnings.simplefilter("ignore")
    p = dict(p)
    m = MLPClassifier(hidden_layer_sizes=(p.pop("units"),), random_state=0, tol=0, n_iter_no_change=1000, **p)
    return log_loss(m, *split("digits", 300, 25))


@task("kept_tree_cancer", "kept", {
    "criterion": C("gini", "entropy"), "splitter": C("best", "random"), "max_depth": I(1, 15), "min_samples_split": I(2, 60, True), "min_samples_leaf": I(1, 40, True),
    "max_features": F(.05, 1), "ccp_alpha": F(1e-5, .1, True)})
def _(p):
    from sklearn.tree import DecisionTreeClassifier
    return log_loss(DecisionTreeClassifier(random_state=0, **p), *split("breast_cancer", 250, 26))


@task("kept_discriminant_digits", "kept", {
    "model": C("lda", "qda", "bayes"), "shrinkage": F(0, 1, False, ("model", ["lda"])), "reg_param": F(1e-4, 1, True, ("model", ["qda"])),
    "var_smoothing": F(1e-9, 1, True, ("model", ["bayes"])), "components": I(3, 60, True), "whiten": C(True, False), "power": F(.2, 2)})
def _(p):
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB
    X, y, Xv, yv = split("digits", 400, 27)
    X, Xv = (np.sign(a) * np.abs(a) ** p["power"] for a in (X, Xv))
    pca = PCA(p["components"], whiten=p["whiten"], random_state=0).fit(X)
    m = {"lda": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=p["shrinkage"]),
         "qda": lambda: QuadraticDiscriminantAnalysis(reg_param=p["reg_param"]), "bayes": lambda: GaussianNB(var_smoothing=p["var_smoothing"])}[p["model"]]()
    return log_loss(m, pca.transform(X), y, pca.transform(Xv), yv)


@task("kept_boost_diabetes", "kept", {
    "n_estimators": I(4, 60, True), "learning_rate": F(.005, 1, True), "max_depth": I(1, 7), "subsample": F(.3, 1), "min_samples_leaf": I(1, 40, True),
    "max_features": F(.1, 1), "loss": C("squared_error", "absolute_error", "huber"), "alpha": F(.1, .99, False, ("loss", ["huber"]))}, noise=.01)
def _(p):
    from sklearn.ensemble import GradientBoostingRegressor
    return unexplained(GradientBoostingRegressor(random_state=0, **p), *split("diabetes", 220, 28))
