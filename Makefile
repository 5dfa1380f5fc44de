# Needs Python 3.11 or newer (with venv), make and a C++ compiler. Everything else goes into .venv.

PYTHON ?= python3
# How many tests run at a time.
WORKERS = 2
# Passed on to the command of the target, as in: make run ARGS="--port 9000"
ARGS =

BIN = .venv/bin
RUNTIME = .venv/.runtime-stamp
DEV = .venv/.dev-stamp
MINISTACK = .venv-ministack/.stamp
LAYERS = .venv/.layers-stamp
INFRA = .venv-infra/.stamp
RIE = .venv-rie/.stamp
GRAPHS = .venv-graphs/.stamp
PEERS = .venv-peers/.stamp
POSTMAN = clients/postman/node_modules/.stamp
INTEGRATIONS = .venv-integrations/.stamp
FRAMEWORKS = .venv-integrations/.frameworks-stamp
DOCS = .venv-docs/.stamp
WORKERD = cloudflare/node_modules/.stamp
ASSETS = layers/platform/assets/node_modules/.stamp
CDK = local/node_modules/.stamp
# Where the system has crates, nothing is asked of a registry.
SYSTEM_CRATES = $(if $(wildcard /usr/share/cargo/registry/ureq-*),--offline \
	--config 'source.crates-io.replace-with="system"' --config 'source.system.directory="/usr/share/cargo/registry"')
JAVASCRIPT = clients/javascript/dist/.stamp
NPM_FRAMEWORKS = integrations/node_modules/.stamp
NPM_PACKAGES = integrations/node_modules/.built-stamp
STARTER = integrations/nextjs-starter/node_modules/.stamp
BUILT = build/layers/manifest.json
# The CPython 3.13 that `make layers` compiles with, where it is not found by itself.
LAYER_PYTHON =
# Errors are printed, progress and advice are not; nothing that a package brings along is run.
NPM_CI = npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# Other environments have no pip of their own: this one has a version and hashes, and what it is told here can do without
# running what a package brings along (wheels only), or has hashes for what it is built with.
PIP_INTO = $(BIN)/python -m pip --quiet --disable-pip-version-check --python
WHEELS = --only-binary :all: --require-hashes
SOURCES = --no-build-isolation --require-hashes
LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --custom-compile-command "make lock"

.PHONY: help install environments docs test-docs integrations-types run parquet platform test test-all test-clients test-console test-deployment test-starter journey clients-types lint format bench-engines bench-recall bench-graphs bench-peers bench-text bench-server bench-writes bench-growth bench-coldstart bench-imports bench-limits bench-namespaces soak bench-edge simulate crashes fuzz fuzz-kernel flips layers layers-verify deploy-local undeploy-local clouds drill lock sbom licences clean clients clients-matrix conformance

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

# What has an environment of its own, or is built, for tests.
BESIDE = $(MINISTACK) $(INFRA) $(RIE) $(FRAMEWORKS) $(INTEGRATIONS) $(DOCS) $(WORKERD) $(ASSETS) $(CDK) $(JAVASCRIPT) $(POSTMAN) \
	$(NPM_FRAMEWORKS) $(NPM_PACKAGES) $(STARTER) $(BUILT)
# HAZARD: it is made by .venv's pip, or checked with it, so where several are made at once .venv is complete first.
ifneq ($(filter environments,$(MAKECMDGOALS)),)
$(MINISTACK) $(INFRA) $(RIE) $(FRAMEWORKS) $(INTEGRATIONS) $(DOCS) lint: | $(LAYERS)
endif

environments: $(DEV) $(BESIDE) ## Make everything that tests need: several at once with make --jobs 4 environments

install: $(RUNTIME) ## Install the database, its client for Python and the demo's model into .venv

run: $(RUNTIME) ## Start the database on this machine
	$(BIN)/quartzdb serve $(ARGS)

parquet: $(RUNTIME) ## Add to .venv what Parquet files need (pyarrow, 170 MB)
	$(BIN)/python -m pip install --quiet $(WHEELS) -r requirements-parquet.txt

platform: $(RUNTIME) ## Start the database with accounts, projects and keys on this machine
	$(BIN)/python -m local.platform $(ARGS)

# Long profiles: what goes through a browser, other languages or a whole deployment has a target of its own.
CLIENT_TESTS = tests/clients tests/integrations
CONSOLE_TESTS = tests/platform/console
DEPLOYMENT_TESTS = tests/e2e tests/functions tests/infrastructure
# loadfile keeps a file on one worker, so that what a module's tests share (a server, a synthesised stack) is made once.
# Files go out in the order of tests/conftest.py, not by their number of tests.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Some environments forbid bytecode: then each of the hundreds of processes that tests start compiles the package anew.
test test-clients test-console test-deployment: export PYTHONDONTWRITEBYTECODE =

test: $(DEV) $(MINISTACK) $(WORKERD) $(ASSETS) ## Run the tests of the database and the platform
	$(PYTEST) $(foreach folder,$(CLIENT_TESTS) $(CONSOLE_TESTS) $(DEPLOYMENT_TESTS),--ignore $(folder)) $(ARGS)

test-clients: $(DEV) $(MINISTACK) $(INTEGRATIONS) $(WORKERD) $(JAVASCRIPT) $(POSTMAN) $(NPM_PACKAGES) ## Run the clients, in their languages, and the integrations against a server
	$(PYTEST) $(CLIENT_TESTS) $(ARGS)

test-console: $(DEV) $(ASSETS) ## Go through all pages of the console in a browser
	$(PYTEST) $(CONSOLE_TESTS) $(ARGS)

test-deployment: $(DEV) $(MINISTACK) $(INFRA) $(RIE) $(WORKERD) $(CDK) $(BUILT) ## Test what is deployed: templates, functions and layers under emulators, both clouds
	$(PYTEST) $(DEPLOYMENT_TESTS) $(ARGS)

test-all: test-docs test-starter test-clients test-console test-deployment test ## Run every test there is, one profile after the other

# Of its own: Next.js has 370 MB, and a build takes a while.
test-starter: $(DEV) $(ASSETS) $(STARTER) ## Build the Next.js starter, and go through it in a browser, with screenshots in build/starter
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so the Next.js starter is not tested"; \
	else $(BIN)/python -m pytest tests/integrations/starter.py $(ARGS); fi

journey: $(DEV) $(ASSETS) ## Go through the console as a person would, with screenshots in build/journey
	QUARTZDB_JOURNEY=build/journey $(BIN)/python -m pytest tests/platform/console/test_journey.py $(ARGS)

docs: $(RUNTIME) $(DOCS) ## Build the documentation into build/site/, which the server shows at /docs from then on
	$(BIN)/python -m docsite
	@mkdir -p .venv/share/quartzdb && ln -sfn ../../../build/site .venv/share/quartzdb/docs

test-docs: export BUILT_SITE = build/site
test-docs: $(DEV) docs $(ASSETS) $(JAVASCRIPT) ## Build the documentation, and look at all of it: links, sizes, accessibility
	$(BIN)/python -m pytest tests/site $(ARGS)

clients: $(DEV) $(JAVASCRIPT) $(NPM_PACKAGES) ## Build what is published of the clients and integrations: wheels, sdists, npm tarballs, crate
	@rm -rf build/clients && mkdir -p build/clients
	@for package in clients/python $(patsubst %/pyproject.toml,%,$(wildcard integrations/*/pyproject.toml)); do \
		(cd $$package && $(CURDIR)/$(BIN)/python -m hatchling build -d $(CURDIR)/build/clients) || exit 1; done
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so there is no tarball"; \
	else npm pack --silent --pack-destination build/clients ./clients/javascript && cd integrations && \
		npm pack --silent --workspaces --pack-destination ../build/clients; fi
	@if command -v node >/dev/null; then rm -rf build/starter/packed && \
		node integrations/starter.mjs build/starter/packed/quartzdb-nextjs-starter && \
		tar -czf build/clients/quartzdb-nextjs-starter.tgz -C build/starter/packed quartzdb-nextjs-starter; fi
	@if ! command -v cargo >/dev/null; then echo "cargo is not installed, so there is no crate"; \
	else cd clients/rust && cargo $(SYSTEM_CRATES) --quiet package --no-verify --allow-dirty --target-dir ../../build/rust && \
		cp ../../build/rust/package/*.crate ../../build/clients/; fi

conformance: $(DEV) $(JAVASCRIPT) $(WORKERD) ## Run every client through every scenario, and write docs/clients.md
	$(BIN)/python -m tests.clients.table

clients-matrix: $(DEV) ## Try the Python client on each version of Python that is found, and write docs/clients.md
	$(BIN)/python -m tests.clients.matrix

clients-types: $(DEV) ## Write the clients' types and the Postman collection from what the API says of itself
	$(BIN)/python -m clients.generate
	$(BIN)/python -m clients.postman

integrations-types: $(DEV) $(INTEGRATIONS) ## Check integrations/ with the types of the frameworks (a minute)
	$(BIN)/mypy --config-file integrations/mypy.ini --python-executable .venv-integrations/bin/python

lint: $(DEV) ## Check style, types and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m supply_chain.licences --check

format: $(DEV) ## Format the code and fix what can be fixed safely
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench-engines: $(DEV) ## Measure the search engines: recall, speed, size
	$(BIN)/python -m benchmarks.engines $(ARGS)

bench-recall: $(DEV) ## Measure recall under filters, and fail below its floor (nightly)
	$(BIN)/python -m benchmarks.recall $(ARGS)

bench-graphs: $(GRAPHS) ## Measure graph indexes of other libraries beside ours
	.venv-graphs/bin/python -m benchmarks.graphs $(ARGS)

bench-text: $(PEERS) ## Measure search by words beside bm25s, tantivy and SQLite FTS5
	.venv-peers/bin/python -m benchmarks.text $(ARGS)

bench-peers: $(PEERS) ## Measure other vector databases beside ours, on the same data in one run
	.venv-peers/bin/python -m benchmarks.peers $(ARGS)

bench-server: $(DEV) ## Measure a running server over HTTP
	$(BIN)/python -m benchmarks.server $(ARGS)

bench-writes: $(DEV) ## Measure the write path: acknowledging, searching what is not indexed, indexing
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.writes $(ARGS)

bench-growth: $(DEV) ## Measure how latency, memory, build time and bytes grow from 1,000 records to a million
	$(BIN)/python -m benchmarks.growth $(ARGS)

bench-coldstart: $(DEV) $(MINISTACK) $(RIE) $(BUILT) ## Measure cold functions under Lambda's emulator: init, first answer, bytes
	$(BIN)/python -m benchmarks.coldstart $(ARGS)

bench-imports: $(LAYERS) ## Measure what the functions' imports cost, from the built layers
	$(BIN)/python -m benchmarks.imports $(if $(LAYER_PYTHON),--python $(LAYER_PYTHON)) $(ARGS)

bench-limits: $(DEV) ## Ask a server for as much as each limit allows, and for one more
	$(BIN)/python -m benchmarks.limits $(ARGS)

bench-namespaces: $(DEV) ## Measure a small server with 10,000 namespaces and 1,024 open files
	$(BIN)/python -m benchmarks.namespaces $(ARGS)

soak: $(DEV) ## Run a server for ten minutes under a mixed load, with kills and restarts, and check all that it acknowledged
	$(BIN)/python -m benchmarks.soak $(ARGS)

bench-edge: $(DEV) ## Measure what the edge router adds to a request
	$(BIN)/python -m benchmarks.edge_router $(ARGS)

# The per-test timeout is for the ordinary suite; this profile runs for as long as it is asked to.
simulate: $(DEV) ## Run the simulation over many seeds (QUARTZDB_SIMULATION_SEEDS, default 10000)
	QUARTZDB_SIMULATION_SEEDS=$${QUARTZDB_SIMULATION_SEEDS:-10000} \
		$(BIN)/python -m pytest tests/simulation -n 2 --timeout 0 $(ARGS)

crashes: $(DEV) ## Kill a server a hundred times under writes, and twenty compactions, and check all that was acknowledged
	QUARTZDB_CRASH_ROUNDS=100 QUARTZDB_CRASH_COMPACTIONS=20 \
		$(BIN)/python -m pytest tests/e2e/test_crash.py --timeout 0 $(ARGS)

fuzz: $(DEV) ## Send many more requests made from the OpenAPI documents, alone and in sequences (half an hour)
	QUARTZDB_FUZZ_EXAMPLES=100 QUARTZDB_FUZZ_SCENARIOS=400 \
		$(BIN)/python -m pytest tests/e2e/test_openapi_schemathesis.py tests/e2e/test_openapi_stateful.py -n 2 --timeout 0 $(ARGS)

fuzz-kernel: $(LAYERS) ## Search 15,000 damaged graphs, and lists, under the sanitizers, and compare NEON on an emulated processor
	QUARTZDB_KERNEL_DAMAGES=$${QUARTZDB_KERNEL_DAMAGES:-15000} \
		$(BIN)/python -m pytest tests/contracts/test_kernel_fuzz.py --timeout 0 $(ARGS)

flips: $(DEV) ## Flip one bit of every byte of a small data directory, and see that each is reported (15 minutes)
	$(BIN)/python -m tests.flipping

layers: $(LAYERS) ## Build the Lambda layers for both processors (needs CPython 3.13)
	$(BIN)/python -m layers.build $(if $(LAYER_PYTHON),--python $(LAYER_PYTHON)) $(ARGS)

deploy-local: $(BUILT) $(MINISTACK) ## Deploy to an AWS emulator on this machine, and run through it (needs Node.js)
	$(BIN)/python -m local deploy $(if $(LAYER_PYTHON),--python $(LAYER_PYTHON)) $(ARGS)

undeploy-local: $(DEV) ## Stop that emulator and delete all that it has
	$(BIN)/python -m local undeploy $(ARGS)

layers-verify: $(LAYERS) ## Build the Lambda layers twice and compare every byte
	$(BIN)/python -m layers.build --verify $(if $(LAYER_PYTHON),--python $(LAYER_PYTHON)) $(ARGS)

clouds: $(DEV) $(WORKERD) ## Run AWS, Cloudflare and the edge before both on this machine, until Ctrl-C (needs npm)
	$(BIN)/python -m local.clouds $(ARGS)

drill: $(DEV) $(WORKERD) ## Break the Cloudflare origin in every way while clients write, and judge (needs npm; half an hour)
	$(BIN)/python -m local.drill $(ARGS)

# Existing pins are kept unless asked otherwise: make lock ARGS=--upgrade
lock: $(DEV) ## Lock the dependencies again
	$(LOCK) $(ARGS) --extra demo --output-file requirements.txt pyproject.toml requirements-platform.in
	$(LOCK) $(ARGS) --constraint requirements.txt --output-file requirements-parquet.txt requirements-parquet.in
	$(LOCK) $(ARGS) --extra demo --extra parquet --constraint requirements.txt --constraint requirements-parquet.txt \
		--output-file requirements-dev.txt \
		pyproject.toml requirements-platform.in requirements-dev.in
	$(LOCK) $(ARGS) --constraint requirements-dev.txt --output-file requirements-build.txt requirements-build.in
	$(LOCK) $(ARGS) --output-file requirements-ministack.txt requirements-ministack.in
	$(LOCK) $(ARGS) --output-file requirements-infra.txt requirements-infra.in
	$(LOCK) $(ARGS) --no-deps --output-file requirements-rie.txt requirements-rie.in
	$(LOCK) $(ARGS) --constraint requirements-dev.txt --output-file requirements-graphs.txt requirements-graphs.in
	$(LOCK) $(ARGS) --constraint requirements-dev.txt --output-file requirements-peers.txt \
		pyproject.toml requirements-peers.in
	$(LOCK) $(ARGS) --constraint requirements-dev.txt --output-file requirements-integrations.txt requirements-integrations.in
	$(LOCK) $(ARGS) --output-file requirements-layers.txt requirements-layers.in
	$(subst --python-version 3.11,--python-version 3.10,$(subst fewest,requires-python,$(LOCK))) $(ARGS) \
		--output-file requirements-clients.txt requirements-clients.in
	$(LOCK) $(ARGS) --output-file requirements-docs.txt requirements-docs.in
	$(BIN)/uv pip compile --quiet --no-config --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
		--generate-hashes --custom-compile-command "make lock" --constraint requirements.txt \
		--output-file requirements-lambda.txt requirements-lambda.in
	$(BIN)/uv pip compile --quiet --no-config --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
		--generate-hashes --custom-compile-command "make lock" --constraint requirements.txt \
		--output-file requirements-lambda-platform.txt requirements-lambda.in requirements-platform.in

# cyclonedx-py warns that no dependencies of the project itself are named: the lock has those of all of them together.
sbom: $(DEV) ## List all that is installed at run time, with hashes, as CycloneDX: build/sbom/
	@mkdir -p build/sbom
	$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml \
		--output-format JSON --output-reproducible --output-file build/sbom/server.json
	$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements requirements-lambda-platform.txt --pyproject pyproject.toml \
		--output-format JSON --output-reproducible --output-file build/sbom/functions.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so build/sbom/ says nothing of its packages"; else \
	for folder in cloudflare local; do \
		npm sbom --sbom-format cyclonedx --package-lock-only --prefix $$folder >build/sbom/$$folder.json || exit 1; \
	done; fi

licences: $(DEV) ## Write docs/licences.md: the licences of all that is installed at run time
	$(BIN)/python -m supply_chain.licences

clean: ## Remove the environment and everything generated; data/ stays
	rm -rf .venv .venv-ministack .venv-infra .venv-rie .venv-graphs .venv-peers .venv-docs .venv-integrations cloudflare/node_modules layers/platform/assets/node_modules clients/postman/node_modules clients/javascript/node_modules clients/javascript/dist clients/javascript/build integrations/node_modules integrations/*/node_modules integrations/*/dist integrations/nextjs-starter/.next build dist cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements.txt requirements-build.txt pyproject.toml layers/platform/pyproject.toml clients/python/pyproject.toml .ci/install \
		hatch_build.py $(wildcard layers/quartzdb/native/*)
	@.ci/install "$(PYTHON)" requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@.ci/install "$(PYTHON)" requirements-dev.txt
	@touch $@

$(LAYERS): requirements-layers.txt $(DEV)
	@.ci/install "$(PYTHON)" requirements-layers.txt
	@touch $@

# The AWS emulator has an environment of its own: it pins another botocore, and runs functions on its own Python, which is
# why that is Lambda's where one is found.
$(MINISTACK): requirements-ministack.txt $(RUNTIME)
	"$$($(BIN)/python -m layers.build.interpreter $(LAYER_PYTHON) 2>/dev/null || echo $(BIN)/python)" -m venv --clear --without-pip .venv-ministack
	$(PIP_INTO) .venv-ministack install $(WHEELS) -r requirements-ministack.txt
	@touch $@

# The checkers of the templates have an environment of their own: they pin other versions of what the project uses. Only
# what is imported of them is compiled, then.
$(INFRA): requirements-infra.txt $(RUNTIME)
	$(BIN)/python -m venv --clear --without-pip .venv-infra
	$(PIP_INTO) .venv-infra install --no-compile $(WHEELS) -r requirements-infra.txt
	@touch $@

# Libraries that only the comparison of graphs needs. hnswlib is compiled for this machine, as its setup has it.
$(GRAPHS): requirements-graphs.txt $(RUNTIME)
	$(BIN)/python -m venv --clear --without-pip .venv-graphs
	$(PIP_INTO) .venv-graphs install $(WHEELS) -r requirements-build.txt
	$(PIP_INTO) .venv-graphs install $(SOURCES) -r requirements-graphs.txt
	@touch $@

# Other databases, and this one among them. What is compiled is compiled for this machine.
$(PEERS): requirements-peers.txt $(RUNTIME)
	$(BIN)/python -m venv --clear --without-pip .venv-peers
	$(PIP_INTO) .venv-peers install $(WHEELS) -r requirements-build.txt
	$(PIP_INTO) .venv-peers install $(SOURCES) -r requirements-peers.txt
	$(PIP_INTO) .venv-peers install --no-build-isolation --no-deps --editable .
	@touch $@

# The frameworks that integrations/ are for, and the packages there. Only what is imported is compiled, then.
$(FRAMEWORKS): requirements-integrations.txt | $(RUNTIME)
	$(BIN)/python -m venv --clear --without-pip .venv-integrations
	$(PIP_INTO) .venv-integrations install --no-compile $(WHEELS) -r requirements-integrations.txt
	@touch $@

$(INTEGRATIONS): clients/python/pyproject.toml $(wildcard integrations/*/pyproject.toml) $(FRAMEWORKS)
	$(PIP_INTO) .venv-integrations install --no-build-isolation --no-deps --editable clients/python \
		$(patsubst %/pyproject.toml,--editable %,$(wildcard integrations/*/pyproject.toml))
	@touch $@

# The generator of the documentation's site: it needs nothing of ours, and other versions of what others need.
$(DOCS): requirements-docs.txt $(RUNTIME)
	$(BIN)/python -m venv --clear --without-pip .venv-docs
	$(PIP_INTO) .venv-docs install $(WHEELS) -r requirements-docs.txt
	@touch $@

# Lambda's runtime and its emulator, with Lambda's version of Python.
$(RIE): requirements-rie.txt .ci/rie $(RUNTIME)
	@.ci/rie requirements-rie.txt $(LAYER_PYTHON)
	@touch $@

# The runtime of Workers. Its package only downloads again, in a script, what npm has installed already.
$(WORKERD): cloudflare/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so tests of the Worker will be skipped"; \
	elif $(NPM_CI) --prefix cloudflare; then touch $@; \
	else echo "Installing the runtime of Workers failed: $(NPM_CI) --prefix cloudflare" >&2; exit 1; fi

# What the console's pages load, to compare with, and the checker of accessibility.
$(ASSETS): layers/platform/assets/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so some tests of the console will be skipped"; \
	elif $(NPM_CI) --prefix layers/platform/assets; then touch $@; \
	else echo "Installing the console's assets failed: $(NPM_CI) --prefix layers/platform/assets" >&2; exit 1; fi

# The CDK's command. Whoever deploys to the emulator installs it too, where it is not there.
$(CDK): local/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so the deployment to an emulator will not be tested"; \
	elif $(NPM_CI) --prefix local; then touch $@; \
	else echo "Installing the CDK's command failed: $(NPM_CI) --prefix local" >&2; exit 1; fi

# The client for JavaScript. esbuild's package only checks, in a script, that its program runs.
$(JAVASCRIPT): clients/javascript/package-lock.json $(wildcard clients/javascript/*.* clients/javascript/src/* clients/javascript/conformance/*)
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so tests of the client for JavaScript will be skipped"; \
	elif $(NPM_CI) --prefix clients/javascript && npm run --silent --prefix clients/javascript build; then touch $@; \
	else echo "Building the client for JavaScript failed: clients/javascript" >&2; exit 1; fi

# What runs the Postman collection.
$(POSTMAN): clients/postman/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so the Postman collection is not run"; \
	elif $(NPM_CI) --prefix clients/postman; then touch $@; \
	else echo "Installing newman failed: $(NPM_CI) --prefix clients/postman" >&2; exit 1; fi

# Frameworks for TypeScript, and the packages for them. What needs a newer Node.js than this one's says so, and is tested all the same.
$(NPM_FRAMEWORKS): integrations/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so tests of the integrations for TypeScript will be skipped"; \
	elif $(NPM_CI) --prefix integrations; then touch $@; \
	else echo "Installing the frameworks for TypeScript failed: $(NPM_CI) --prefix integrations" >&2; exit 1; fi

$(NPM_PACKAGES): $(NPM_FRAMEWORKS) $(JAVASCRIPT) $(wildcard integrations/*.json integrations/*.mjs integrations/*/*.json integrations/*/src/*)
	@if command -v npm >/dev/null; then npm run --silent --prefix integrations --workspaces build && touch $@; fi

$(STARTER): integrations/nextjs-starter/package-lock.json $(JAVASCRIPT)
	@if ! command -v npm >/dev/null; then echo "npm is not installed, so the Next.js starter is not tested"; \
	elif cd integrations/nextjs-starter && $(NPM_CI); then touch node_modules/.stamp; \
	else echo "Installing Next.js failed: cd integrations/nextjs-starter && $(NPM_CI)" >&2; exit 1; fi

# What the functions' tests unpack; of the package itself they take the present state.
$(BUILT): requirements-lambda.txt requirements-lambda-platform.txt $(wildcard layers/build/*.py) $(LAYERS)
	@if ! $(BIN)/python -m layers.build.interpreter $(LAYER_PYTHON) >/dev/null; then \
		echo "The layers are not built, so tests of the built layers will be skipped"; \
	else $(BIN)/python -m layers.build $(if $(LAYER_PYTHON),--python $(LAYER_PYTHON)) \
		|| { echo "Building the Lambda layers failed: make layers" >&2; exit 1; }; fi
