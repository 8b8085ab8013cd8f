# `make help` says what there is. Nothing but Python 3.11+ and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
DATA ?=
SOURCE ?=
SECONDS ?= 60
TARGET ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-alerts test-wheel test-manifests deploy-files test-dashboards test-otlp test-cluster test-kafka test-page lint bench bench-scale month soak chaos overload fuzz audit sbom lock clean

help: ## Show this.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# A venv is remade when its lock changes; the marker is written last, so that an aborted install is redone.
$(VENV)/.runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Baton needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing from requirements.lock ..."
	@$(BIN)/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "installing from requirements-dev.lock ..."
	@$(BIN)/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.runtime ## Replay a day through a worker on an embedded broker; ARGS=--once, DATA=FILE SOURCE=acd.
	@$(BIN)/baton demo $(if $(DATA),$(DATA)) $(if $(SOURCE),--source $(SOURCE)) $(ARGS)

test: $(VENV)/.dev ## Unit, property and integration tests on the embedded broker.
	@$(BIN)/python -m pytest -q -n auto --dist loadfile tests --ignore=tests/kafka --ignore=tests/bench --ignore=tests/e2e --ignore=tests/wheel --ignore=tests/manifests --ignore=tests/cluster $(ARGS)

test-alerts: $(VENV)/.dev ## From an unanswered handoff to a page, and every dashboard query, on real Prometheus and Alertmanager.
	@$(BIN)/python -m pytest -q tests/e2e --ignore=tests/e2e/dashboards/render --ignore=tests/e2e/page --ignore=tests/e2e/otlp $(ARGS)

test-otlp: $(VENV)/.dev ## What is pushed by OTLP, in a real Collector and Prometheus built from their Go modules (Go 1.26; 3 minutes the first time).
	@$(BIN)/python -m pytest -q tests/e2e/otlp $(ARGS)

test-wheel: $(VENV)/.dev ## The built wheel in an empty environment, from an empty folder, with the demo.
	@$(BIN)/python -m pytest -q tests/wheel $(ARGS)

$(VENV)/.manifests: requirements-manifests.lock $(VENV)/.dev
	@echo "installing from requirements-manifests.lock ..."
	@$(BIN)/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-manifests.lock
	@touch $@

test-manifests: $(VENV)/.manifests ## Kubernetes and Compose files beside the public schemas and parsers (Go; kubectl, or it is built).
	@$(BIN)/python -m pytest -q tests/manifests $(ARGS)

test-cluster: $(VENV)/.manifests ## The image built and run; every object given to a Kubernetes API server (Debian: podman buildah runc mmdebstrap etcd-server; Go, kubectl; 5 minutes the first time).
	@$(BIN)/python -m pytest -q -rs tests/cluster $(ARGS)

deploy-files: $(VENV)/.dev ## Make anew what deploy/compose and deploy/kubernetes take from contracts, topics and permissions.
	@$(BIN)/python deploy/compose/generate.py
	@$(BIN)/python deploy/kubernetes/generate.py

test-kafka: $(VENV)/.dev ## Tests on real Apache Kafka (needs Java 17+ and Maven).
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/kafka $(ARGS)

$(VENV)/.page: requirements-page.lock $(VENV)/.dev
	@echo "installing from requirements-page.lock ..."
	@$(BIN)/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-page.lock
	@touch $@

test-page: $(VENV)/.page ## The live page in headless Chromium (Debian: chromium); BATON_SCREENSHOTS=1 keeps pictures.
	@$(BIN)/python -m pytest -q tests/e2e/page $(ARGS)

RENDER := tests/e2e/dashboards/render
$(RENDER)/node_modules/.done: $(RENDER)/package.json $(RENDER)/package-lock.json
	@echo "installing Grafana's components (npm, 430 MB, about a minute) ..."
	@cd $(RENDER) && npm ci --legacy-peer-deps --ignore-scripts --no-audit --no-fund --silent
	@touch $@

test-dashboards: $(VENV)/.dev $(RENDER)/node_modules/.done ## Every panel asked of a Prometheus, and pictures of them (Debian: prometheus, chromium; npm).
	@$(BIN)/python -m pytest -q tests/e2e/dashboards $(ARGS)

chaos: $(VENV)/.dev ## Faults on three real brokers: SEED=n ROUNDS=n FAULT=name,name GUARANTEE=at-least-once.
	@$(BIN)/python -m tests.chaos.run $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(FAULT),--fault $(FAULT)) $(if $(GUARANTEE),--guarantee $(GUARANTEE)) $(ARGS)

overload: $(VENV)/.dev ## Five times what a worker takes, for SECONDS=300.
	@$(BIN)/python -m tests.overload.run --seconds $(if $(filter file,$(origin SECONDS)),300,$(SECONDS)) $(ARGS)

lint: $(VENV)/.dev ## ruff and mypy --strict.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy streams

$(VENV)-bench/.done: requirements-bench.lock
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@echo "installing from requirements-bench.lock ..."
	@$(VENV)-bench/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-bench.lock
	@touch $@

FLINK_CONNECTOR := org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2
$(VENV)-flink/.done: requirements-bench-flink.lock
	@test -x $(VENV)-flink/bin/python || $(PYTHON) -m venv $(VENV)-flink
	@echo "installing from requirements-bench-flink.lock (700 MB) ..."
	@$(VENV)-flink/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-bench-flink.lock
	@mvn -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=$(FLINK_CONNECTOR) -DoutputDirectory=$(abspath $(VENV))-flink/connector
	@touch $@

# Flink is a Java program, and its connector comes from Maven: without them it is left out, and the report says so.
bench: $(VENV)/.dev $(VENV)-bench/.done $(if $(and $(shell command -v java),$(shell command -v mvn)),$(VENV)-flink/.done) ## Baton beside the bare client, stock Faust, Quix Streams, Bytewax and PyFlink, in one run (Java 17+ and Maven: on real Kafka).
	@$(BIN)/python -m tests.bench.run $(ARGS)

month: $(VENV)/.dev ## A month of 200,000 interactions billed live on real Kafka, faults and kills included: invoice = batch? ARGS="--interactions 20000".
	@$(BIN)/python -m tests.month.run $(ARGS)

bench-scale: $(VENV)/.dev ## What grows with open interactions, keys and series: ARGS="memory cost keys scrape".
	@$(BIN)/python -m tests.bench.scaling $(ARGS)

fuzz: $(VENV)/.dev ## Fuzz the parsers of outside bytes; SECONDS=60 for each, TARGET=name for one.
	@$(BIN)/python -m tests.fuzz.engine $(SECONDS) $(TARGET)

$(VENV)-audit/.done: requirements-audit.lock
	@test -x $(VENV)-audit/bin/python || $(PYTHON) -m venv $(VENV)-audit
	@echo "installing from requirements-audit.lock ..."
	@$(VENV)-audit/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-audit.lock
	@touch $@

audit: $(VENV)-audit/.done ## Known vulnerabilities in requirements.lock (asks pypi.org).
	@$(VENV)-audit/bin/python deploy/supply_chain/audit.py

sbom: $(VENV)-audit/.done ## What requirements.lock pins, as CycloneDX JSON in dist/.
	@$(VENV)-audit/bin/python deploy/supply_chain/sbom.py

soak: $(VENV)/.dev ## Ten simulated months at constant load: are tables and memory flat? ARGS="--months 4".
	@$(BIN)/python -m tests.soak.run $(ARGS)

lock: ## Re-resolve the lock files from pyproject.toml (needs uv).
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --extra demo --extra build --extra otlp --extra signing pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --extra demo --extra build --extra dashboards --group dev pyproject.toml -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group page -o requirements-page.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group audit -o requirements-audit.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group manifests -c requirements-dev.lock -o requirements-manifests.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group bench -o requirements-bench.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group bench-flink -o requirements-bench-flink.lock

clean: ## Remove the venv and caches.
	rm -rf $(VENV) $(VENV)-audit $(VENV)-bench $(VENV)-flink $(RENDER)/node_modules $(RENDER)/dist dist .kafka .baton .mypy_cache .ruff_cache .pytest_cache .hypothesis
