# Each word makes what it needs from plain python3 when it is missing, so `make demo` is the whole set-up.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
UV := $(BIN)/uv
# A process per core, each with one thread: files are spread, and the tests of a file share what they prepared.
pytest_of = OMP_NUM_THREADS=1 $(1)/python -m pytest -n auto --dist loadfile
# Browsers, a PACS and a Ray cluster take minutes, and what `make debian` installs.
tests_of = $(pytest_of) -m "not browser and not clinic and not scale"

.PHONY: install demo test test-clinic test-lowest test-newest test-screening coverage lint docs bench findings lock dist debian

# Compiled once, or each of the tests' processes would compile torch anew where Python may not write bytecode itself.
install: $(STAMP)

$(UV):
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"

$(STAMP): pyproject.toml requirements/dev.txt | $(UV)
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

demo: $(STAMP)
	$(BIN)/eyeground demo -o demo

test: $(STAMP)
	$(call tests_of,$(BIN))

test-clinic: $(STAMP)
	$(call pytest_of,$(BIN)) -m "browser or clinic or scale" tests/serving tests/scale

# The lowest versions that pyproject.toml admits, without torch; old versions may deprecate what they like.
test-lowest: $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-lowest
	$(UV) pip install --quiet --compile-bytecode --python .venv-lowest --resolution lowest-direct -e ".[test]"
	$(call tests_of,.venv-lowest/bin) -W default

# The newest of everything, no pins; then the same for a screening install, without torch.
test-newest: $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-newest
	$(UV) pip install --quiet --compile-bytecode --python .venv-newest --upgrade -e ".[dev]"
	$(call tests_of,.venv-newest/bin)

test-screening: $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-screening
	$(UV) pip install --quiet --compile-bytecode --python .venv-screening --upgrade -e ".[test]"
	$(call tests_of,.venv-screening/bin)

# Fails under the share of lines that pyproject.toml names.
coverage: $(STAMP)
	$(call pytest_of,$(BIN)) --cov --cov-report=term:skip-covered

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# Surprises about other people's packages, each in a temporary environment of its own; outside CI, as it downloads.
# A script exits with 0 while its surprise stands, with 2 where a command that it needs is missing, else it says why.
findings:
	@PATH="$$PWD/$(BIN):$$PATH"; failed=0; \
	for script in findings/*.sh; do \
		seen=$$("./$$script" 2>&1); \
		case $$? in \
			0) echo "stands   $$script";; \
			2) echo "not run  $$script: $$seen";; \
			*) echo "FAILED   $$script"; echo "$$seen" | tail -n 5; failed=1;; \
		esac; \
	done; exit $$failed

# What a release publishes: the wheel is built from the source archive, so the archive holds all it needs.
dist: $(UV)
	rm -rf dist
	$(UV) build --quiet

# Pins for everyone: the development set, the site, and the small screening install.
lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --no-header --no-annotate -q -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --extra docs --universal --no-header --no-annotate -q -o requirements/docs.txt
	$(BIN)/uv pip compile pyproject.toml --universal --no-header --no-annotate -q -o requirements/screen.txt

# What the tests of the service meet, on Debian, as root: browsers, a PACS, DICOM checkers, PostgreSQL. No service is started.
debian:
	printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
		chromium dcmtk dicom3tools firefox-esr fonts-dejavu-core orthanc orthanc-dicomweb postgresql > /dev/null
	rm /usr/sbin/policy-rc.d
